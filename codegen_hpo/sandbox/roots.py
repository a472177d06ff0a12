"""The folders of this machine that a worker reads: Python, torch and the libraries below them."""

import importlib.util
import os
import pwd
import site
import sys
from functools import cache
from pathlib import Path

from codegen_hpo.errors import SandboxError
from codegen_hpo.resources import resource

_PACKAGES = ("torch", "numpy", "safetensors")
# the loader's index, for libraries in /usr/local/lib; and links by which Debian chooses among libraries
_OF_ETC = ("/etc/ld.so.cache", "/etc/alternatives")


def worker_folder() -> Path:
    """The folder of worker.py."""
    return resource("sandbox") / "worker"


def worker_command(folder: Path, *arguments: str) -> list[str]:
    """The command line of the worker in `folder`."""
    # a virtual environment is known by the path of its python; any other is found where its file really is
    in_environment = sys.prefix != sys.base_prefix
    interpreter = sys.executable if in_environment else os.path.realpath(sys.executable)
    # not -I, which ignores PYTHONHASHSEED: the environment is ours anyway
    return [interpreter, "-s", "-P", str(folder / "worker.py"), *arguments]


def system_roots() -> list[Path]:
    """What a program of this system needs: /usr, the folders or links beside it, two names of /etc.

    A link is not followed: that /lib is one must show inside, too.
    """
    beside = sorted(path for path in Path("/").glob("lib*") if path.is_dir())
    names = [Path("/usr"), *beside, Path("/bin"), Path("/sbin"), *map(Path, _OF_ETC)]
    return [path for path in names if path.exists()]


def python_roots() -> list[Path]:
    """What Python needs beyond those: the virtual environment, the interpreter, the packages.

    Raises:
        SandboxError: one of them is / or holds a home directory, and so the user's secrets.
    """
    wanted = [Path(sys.prefix), Path(sys.exec_prefix), Path(sys.base_prefix), Path(sys.base_exec_prefix)]
    wanted += [Path(os.path.realpath(sys.executable)).parent, *package_folders()]
    wanted += [path.resolve() for path in wanted]  # a prefix may itself be a link to a version's folder
    roots: list[Path] = []
    for path in sorted(set(wanted), key=lambda path: len(path.parts)):
        if any(path.is_relative_to(root) for root in (Path("/usr"), *roots)):
            continue
        _refuse_secrets(path)
        roots.append(path)
    return roots


@cache
def package_folders() -> tuple[Path, ...]:
    """The folders that torch, numpy and safetensors are imported from, by this process."""
    found = [importlib.util.find_spec(name) for name in _PACKAGES]
    # what is missing is the worker's to tell: it names the package
    origins = [spec.origin for spec in found if spec and spec.origin]
    return tuple(dict.fromkeys(Path(origin).parent.parent for origin in origins))


def outer_packages() -> list[Path]:
    """Those of them where an interpreter that ignores the user's own folder would not look."""
    usual = {Path(folder).resolve() for folder in site.getsitepackages()}
    return [folder for folder in package_folders() if folder.resolve() not in usual]


def _refuse_secrets(path: Path) -> None:
    homes = {os.path.realpath(home) for home in (os.path.expanduser("~"), _home_of_account())}
    if path.resolve() == Path("/") or any(Path(home).is_relative_to(path.resolve()) for home in homes):
        raise SandboxError(
            f"Python or torch is installed in {path}, which holds a whole home directory: "
            "code in the sandbox could read it",
            hint="install torch and codegen-hpo in a virtual environment with a folder of its own",
        )


def _home_of_account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # a user id without an account, as in containers
        return "/"
