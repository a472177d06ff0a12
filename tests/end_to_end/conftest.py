"""The command line as a user runs it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
