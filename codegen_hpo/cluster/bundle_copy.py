"""A bundle on another machine: one copy a machine, however many processes of it train on it.

The copies of a user lie in one folder. Each process locks those that it uses until it ends, however it ends;
what nobody has locked is left over from a run that was killed, and removed by the next.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.errors import SandboxError

Packed = Mapping[str, NDArray[np.uint8]]  # the bytes of each file, by its name


def pack(bundle: Path) -> Packed:
    """The files of a bundle; large ones are mapped, not read."""
    return {
        path.name: np.asarray(np.memmap(path, np.uint8, mode="r")) if path.stat().st_size else _NOTHING
        for path in sorted(bundle.iterdir())
        if path.is_file()
    }


class BundleCopy:
    """The copy of a bundle on this machine, which stays as long as this object or another process has it.

    Args:
        key: names the bundle in the whole cluster.
        fetch: gets its files, if this machine has no copy yet.
    """

    def __init__(self, key: str, fetch: Callable[[], Packed]) -> None:
        root = copies_folder()
        self.folder = root / key
        with _locked(root):
            _sweep(root)
            self._lock = _lock_of(self.folder).open("ab")
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            if not self.folder.is_dir():
                _write(self.folder, fetch())

    def close(self) -> None:
        """Lets go of the copy."""
        self._lock.close()


def forget(key: str) -> None:
    """Removes the copy from this machine, whoever has it."""
    root = copies_folder()
    with _locked(root):
        shutil.rmtree(root / key, ignore_errors=True)


def copies_folder() -> Path:
    """Where the copies of this user are. Raises SandboxError if somebody else made the folder."""
    root = Path(tempfile.gettempdir()) / f"codegen-hpo-bundles-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    found = root.lstat()
    if root.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SandboxError(f"{root} is not this user's own folder", hint="remove it, or set TMPDIR")
    return root


def _write(folder: Path, files: Packed) -> None:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for name, content in files.items():
        content.tofile(part / Path(name).name)
    part.rename(folder)


def _sweep(root: Path) -> None:
    """Removes the copies that no process has locked."""
    for path in root.glob("*.lock"):
        with path.open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            for left in (path.with_suffix(""), path.with_suffix(".part")):
                shutil.rmtree(left, ignore_errors=True)
            path.unlink()


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Whoever looks for copies, makes one or removes one is alone."""
    with (root / "all").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


_NOTHING = np.empty(0, np.uint8)
