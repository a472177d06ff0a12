"""The files that all exported folders share, and how a folder is written."""

from collections.abc import Mapping
from pathlib import Path

from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.resources import resource

_PACKAGE = Path(__file__).parent.parent
EXPORTED = _PACKAGE / "exported"
# these files import nothing of ours: they are the very code that the run used
DATA_STEPS = {
    "command.py": EXPORTED / "command.py",
    **{f"encoding/{path.name}": path for path in sorted((_PACKAGE / "table" / "encoding").glob("*.py"))},
}
NETWORKS = {
    "target.py": _PACKAGE / "table" / "target.py",
    "members.py": resource("sandbox") / "worker" / "members.py",
}


def content(path: Path) -> bytes:
    """What a file holds. Raises ConfigError."""
    with reading(path):
        return path.read_bytes()


def require_new(to: Path) -> None:
    """Raises ConfigError unless the folder is new or empty."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConfigError(f"{to} is not empty", hint="export to a new folder")


def write_files(to: Path, files: Mapping[str, bytes]) -> list[Path]:
    """The files, written below the folder. Raises ConfigError."""
    try:
        for name, data in files.items():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            (to / name).write_bytes(data)
    except OSError as error:
        raise ConfigError(
            f"cannot write to {to}: {error.strerror or error}", hint="export to a new folder elsewhere"
        ) from error
    return sorted(to / name for name in files)
