import subprocess
import sys
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError, SandboxError
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.choose import NAMES, choose_sandbox
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")


@pytest.mark.parametrize(
    ("name", "trusted", "unsafe"),
    [("auto", True, False), ("none", True, False), ("none", False, True), ("auto", False, True)],
)
def test_our_own_code_or_an_accepted_risk_needs_no_wall(name: str, trusted: bool, unsafe: bool) -> None:
    assert choose_sandbox(name, trusted=trusted, unsafe=unsafe).name == "none"


def test_code_of_a_model_is_refused_without_a_wall() -> None:
    with pytest.raises(SandboxError, match="not run without a sandbox") as caught:
        choose_sandbox("none", trusted=False)
    assert "--unsafe-no-sandbox" in caught.value.hint
    assert caught.value.exit_code == 5


@pytest.mark.usefixtures("no_engine")
def test_an_engine_that_is_not_there_is_named() -> None:
    with pytest.raises(SandboxError, match=r"DOCKER_HOST=unix:///.* does not answer") as caught:
        choose_sandbox("docker", trusted=False)
    assert "unset DOCKER_HOST" in caught.value.hint


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(SandboxError, match="jail") as caught:
        choose_sandbox("jail", trusted=True)
    assert "docker" in caught.value.hint


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_device_is_told_before_anything_starts(name: str) -> None:
    with pytest.raises(ConfigError, match="tpu"):
        choose_sandbox(name, trusted=True, device="tpu")


def test_each_name_is_a_choice_of_the_command_line() -> None:
    import click

    from codegen_hpo.cli.fit import command

    option = next(param for param in command.params if param.name == "sandbox")
    assert isinstance(option.type, click.Choice)
    assert tuple(option.type.choices) == NAMES


@pytest.mark.slow
def test_a_back_end_that_is_named_is_the_one(sandbox: Sandbox, bundle: Path) -> None:
    named = choose_sandbox(sandbox.name, trusted=True, limits=CASE_LIMITS)
    worker = named.open(bundle)
    try:
        assert named.name == worker.hello.sandbox == sandbox.name
    finally:
        worker.close()


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.usefixtures("docker_image")
def test_code_of_a_model_gets_a_container(bundle: Path) -> None:
    sandbox = choose_sandbox("auto", trusted=False)
    assert sandbox.name == "auto"
    worker = sandbox.open(bundle)
    try:
        assert sandbox.name == worker.hello.sandbox == "docker"
        assert not [notice for notice in worker.hello.notices if "passed over" in notice]
    finally:
        worker.close()


@pytest.mark.slow
@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_the_next_wall_is_taken_and_the_reason_told(bundle: Path) -> None:
    sandbox = choose_sandbox("auto", trusted=False)
    try:
        worker = sandbox.open(bundle)
    except SandboxError as error:
        pytest.skip(f"no other wall works here: {error}")
    try:
        assert sandbox.name == worker.hello.sandbox in ("bubblewrap", "landlock")
        assert worker.hello.notices[0].startswith("passed over docker: ")
        assert "does not answer" in worker.hello.notices[0]
    finally:
        worker.close()


def test_choosing_does_not_import_the_engine_s_client() -> None:
    code = (
        "import sys, codegen_hpo.sandbox.choose; sys.exit('docker' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
