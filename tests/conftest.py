"""What every test may rely on: nothing of the user's leaks in, and real tables are found or skipped."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from codegen_hpo.llm.messages import Request

# whoever runs the tests in the background passes on that Ctrl-C is ignored
signal.signal(signal.SIGINT, signal.default_int_handler)

# how long an example takes says more of what else the machine does
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEGEN_HPO_MODEL", "CODEGEN_HPO_RUNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def check_golden(request: pytest.FixtureRequest) -> Callable[[str, Request], None]:
    """Compares a request's messages with a file that was read by a person, in `golden` beside the test."""

    def check(name: str, asked: Request) -> None:
        text = "".join(f"===== {message.role}\n{message.content}\n" for message in asked.messages)
        file = request.path.parent / "golden" / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 accepts the change"

    return check


@pytest.fixture(autouse=True)
def _console_of_each_test() -> Iterator[None]:
    """Lets go of the console after a test: it holds that test's stdout."""
    yield
    if terminal := sys.modules.get("codegen_hpo.cli.terminal"):
        terminal.console.cache_clear()


@pytest.fixture(scope="session")
def docker_image() -> str:
    """The sandbox image. Skips without an engine, and rather than fetch gigabytes from a registry."""
    import docker
    from docker.errors import DockerException, ImageNotFound

    from codegen_hpo.sandbox.image import BASE_VARIABLE, find_or_build, image_name

    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        pytest.skip(f"no Docker engine: {error}")
    try:
        if BASE_VARIABLE in os.environ:
            return find_or_build(client).name
        return str(client.images.get(image_name(client)).tags[0])
    except ImageNotFound:
        pytest.skip(f"the sandbox image is not built, and {BASE_VARIABLE} names no local base for it")
    finally:
        client.close()


@pytest.fixture(scope="session")
def real_table():  # type: ignore[no-untyped-def]
    """Gives the path of a real table beside the checkout, or skips."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.is_file():
            pytest.skip(f"no {path}")
        return path

    return find


@pytest.fixture(scope="session")
def small_table() -> pd.DataFrame:
    """200 rows: a target that is nearly linear in two numbers and shifted by a category."""
    generator = np.random.default_rng(7)
    x, z = generator.normal(size=(2, 200))
    shape = generator.choice(["round", "square", "flat"], size=200)
    shift = pd.Series(shape).map({"round": 0.0, "square": 3.0, "flat": -2.0}).to_numpy()
    y = 10 + 2 * x - z + shift + generator.normal(scale=0.1, size=200)
    return pd.DataFrame({"x": x, "z": z, "shape": shape, "y": y})
