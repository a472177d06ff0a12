"""The command line as a user runs it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.choose import choose_sandbox

pytest.register_assert_rewrite("codegen_hpo.testing.watched_runs")

WALLS = ["none", "landlock", "bubblewrap", pytest.param("docker", marks=pytest.mark.docker)]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs `codegen-hpo` with arguments and environment variables, in an empty folder."""

    def run(
        *arguments: object, env: dict[str, str] | None = None, code: int | None = 0
    ) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", "codegen_hpo.cli", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "160"} | (env or {}),
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert code is None or done.returncode == code, (
            f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture(params=WALLS)
def wall(request: pytest.FixtureRequest) -> str:
    """The name of each back end that this machine has; the others are skipped with what they say."""
    if request.param == "docker":
        request.getfixturevalue("docker_image")
    try:
        choose_sandbox(request.param, trusted=True)
    except SandboxError as error:
        pytest.skip(f"no {request.param}: {error}")
    return str(request.param)


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 300 rows with next to nothing to learn: early stopping and not the clock ends trainings."""
    generator = np.random.default_rng(11)
    x, noise = generator.normal(size=(2, 300))
    colour = generator.choice(["red", "green", "blue"], 300)
    path = tmp_path_factory.mktemp("table") / "noise.csv"
    pd.DataFrame({"x": x, "colour": colour, "y": 0.3 * x + noise}).to_csv(path, index=False)
    return path
