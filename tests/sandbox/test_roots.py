"""Where Python is found: in odd places, never in one that would open the user's home."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox import roots
from codegen_hpo.sandbox.base import Sandbox

pytestmark = pytest.mark.slow

HOST = """
import sys
from pathlib import Path
from codegen_hpo.records import Job
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.sandbox.roots import outer_packages
from codegen_hpo.testing.sandbox_cases import sample_source
worker = choose_sandbox(sys.argv[1], trusted=True).open(Path(sys.argv[2]))
outcome = worker.run(Job(kind="train", source=sample_source()))
worker.close()
print(outcome.status, outcome.error, *map(str, outer_packages()))
"""


@pytest.mark.parametrize("packages_of", ["environment", "user"])
def test_a_worker_starts_wherever_python_and_its_packages_are(
    packages_of: str, sandbox: Sandbox, bundle: Path, tmp_path: Path
) -> None:
    if sandbox.name == "docker":
        pytest.skip("an image has a Python of its own")
    place = tmp_path / "my own" / "environment"
    venv.create(place, with_pip=False, symlinks=True, system_site_packages=packages_of == "user")
    place.parent.chmod(0o700)  # as a home directory is
    library, user = sysconfig.get_path("purelib"), tmp_path / "user base"
    variables = os.environ | {"PYTHONUSERBASE": str(user)}
    base = {"base": str(place), "platbase": str(place)}
    folder = Path(sysconfig.get_path("purelib", "venv", base))
    if packages_of == "user":
        folder = Path(sysconfig.get_path("purelib", "posix_user", {"userbase": str(user)}))
        folder.mkdir(parents=True)
    # as if they were installed there: the path file is only read where packages are looked for
    (folder / "packages.pth").write_text(f"{library}\nimport site; site.addsitedir({library!r})\n")
    command = [str(place / "bin" / "python"), "-c", HOST, sandbox.name, str(bundle)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["ok", library], done.stderr


def test_no_root_lies_within_another() -> None:
    found = roots.python_roots()
    assert not [a for a in found for b in [*found, Path("/usr")] if a != b and a.is_relative_to(b)]
    assert all(
        Path(place).is_relative_to("/usr") or any(Path(place).is_relative_to(root) for root in found)
        for place in (sys.prefix, sys.base_prefix, os.path.realpath(sys.executable))
    )


@pytest.mark.parametrize("prefix", ["/", "home", "above"])
def test_python_in_a_home_directory_itself_is_refused(
    prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "people" / "ada"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    place = {"/": "/", "home": str(home), "above": str(home.parent)}[prefix]
    monkeypatch.setattr(sys, "prefix", place)
    with pytest.raises(SandboxError, match="whole home directory") as caught:
        roots.python_roots()
    assert "virtual environment" in caught.value.hint
