import subprocess
import sys

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.choose import choose_sandbox


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
@pytest.mark.parametrize("name", ["auto", "docker"])
def test_no_engine_is_an_error_that_says_what_to_install(name: str) -> None:
    with pytest.raises(SandboxError, match="does not answer") as caught:
        choose_sandbox(name, trusted=False)
    assert "install Docker" in caught.value.hint


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(SandboxError, match="jail") as caught:
        choose_sandbox("jail", trusted=True)
    assert "docker" in caught.value.hint


@pytest.mark.docker
@pytest.mark.usefixtures("docker_image")
def test_code_of_a_model_gets_a_container() -> None:
    assert choose_sandbox("auto", trusted=False).name == "docker"


def test_choosing_does_not_import_the_engine_s_client() -> None:
    code = (
        "import sys, codegen_hpo.sandbox.choose; sys.exit('docker' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
