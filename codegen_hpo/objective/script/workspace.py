"""A scratch copy of the script's folder, which one trial has for itself."""

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.results.events import MARK
from codegen_hpo.objective.script.original import Entry, Original
from codegen_hpo.objective.script.sources import Sources, listed
from codegen_hpo.store.folder import WriteError

_ARMED = stat.S_ISUID | stat.S_ISGID
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}


class _Mark(NamedTuple):
    """By which a file is known to be as it was copied."""

    inode: int
    bytes: int
    changed_ns: int


class Workspace:
    """The copy. A script may do with it what it likes.

    Args:
        original: what is copied.
        path: where to; there is nothing yet.
        outward_links: whether links that lead out of the folder are kept; they then lead to the user's own
            files. In a container they would lead nowhere.

    Raises:
        ConfigError: the original is too large, or cannot be read.
        WriteError: the copy cannot be written.
    """

    def __init__(self, original: Original, path: Path, *, outward_links: bool) -> None:
        self.path = path.absolute()
        self.notes: list[str] = []
        self._original, self._outward_links = original, outward_links
        self._copied: dict[str, _Mark] = {}
        self._outward: list[str] = []
        self._entries = entries = original.entries()
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            raise WriteError(error.errno, error.strerror, error.filename) from error
        self._root = Path(os.path.realpath(self.path))  # before a script can put a link in its place
        self._folders = [entry.path for entry in entries if entry.kind == "folder"]
        for entry in entries:
            self._copy(entry)
        self._tell_of_links()

    def sources(self) -> Sources:
        """What was copied. It is asked for before anything in the copy is changed."""
        return self._original.sources(self._entries, self.path)

    def remove_old_result(self, file: str) -> None:
        """Removes what an earlier run of the script left there: it is no value of this trial.

        Of a folder only TensorBoard's event files are removed. Raises ConfigError if a link leads out of the
        workspace on the way.
        """
        path = self.path / file
        if not path.parent.resolve().is_relative_to(self.path.resolve()):
            raise ConfigError(
                f"the result file {file} is behind a link that leads out of the script's folder",
                hint="let the script write it into its own folder",
            )
        if path.is_symlink() or path.is_file():
            path.unlink()
        for folder, _, names in os.walk(path):
            for name in names:
                if MARK in name:
                    (Path(folder) / name).unlink()

    def tidy(self) -> None:
        """Removes what is still as it was copied: a run keeps what its script wrote or changed.

        No program of what is kept acts as its owner: a script in a container may have made it this user's.
        """
        for path, mark in self._copied.items():
            place = self._root / path
            with suppress(OSError):
                if _leads_straight(place) and _mark(place) == mark:
                    place.unlink()
        for path in reversed(self._folders):
            place = self._root / path
            with suppress(OSError):  # it is not empty
                if _leads_straight(place):
                    place.rmdir()
        _disarm(self._root)

    def _copy(self, entry: Entry) -> None:
        source, target = self._original.folder / entry.path, self.path / entry.path
        try:
            if entry.kind == "folder":
                target.mkdir()
                target.chmod(source.stat().st_mode | 0o700)
            elif entry.kind == "file":
                shutil.copy2(source, target, follow_symlinks=False)
                if (mode := target.stat().st_mode) & 0o600 != 0o600:
                    target.chmod(mode | 0o600)
            elif entry.kind == "link":
                self._copy_link(entry.path, source, target)
            else:
                self.notes.append(f"{entry.path} is no plain file, and is not in the copy")
        except FileNotFoundError:
            if source.exists():
                raise
            return  # it vanished meanwhile, as temporary files of other programs do
        except OSError as error:
            if error.errno in _DISK:
                raise WriteError(error.errno, error.strerror, error.filename) from error
            raise ConfigError(
                f"{source} cannot be copied: {error.strerror or error}",
                hint="leave it out with --leave-out, or make it readable",
            ) from error
        if entry.kind in ("file", "link") and (target.is_symlink() or target.exists()):
            self._copied[entry.path] = _mark(target)

    def _copy_link(self, path: str, source: Path, target: Path) -> None:
        """A link within the folder becomes one within the copy, also if it was absolute."""
        aim = Path(os.path.realpath(source))
        if aim.is_relative_to(self._original.folder):
            inside = self.path / aim.relative_to(self._original.folder)
            target.symlink_to(os.path.relpath(inside, target.parent))
        else:
            self._outward.append(path)
            if self._outward_links:
                target.symlink_to(aim)

    def _tell_of_links(self) -> None:
        if not self._outward:
            return
        one = len(self._outward) == 1
        told = f"{listed(self._outward)} {'leads' if one else 'lead'} out of the script's folder"
        if self._outward_links:
            told += ": what is behind it is no copy, and the script can change it"
        else:
            told += f", and {'is' if one else 'are'} not in the copy"
        self.notes.append(told)


def _disarm(root: Path) -> None:
    """Takes the set-user-ID and set-group-ID bits of all files below. No link is followed."""
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        with suppress(OSError):  # what is another user's is that user's danger
            facts = os.lstat(folder)
            if not stat.S_ISDIR(facts.st_mode):
                continue
            if facts.st_mode & stat.S_IRWXU != stat.S_IRWXU:
                os.chmod(folder, stat.S_IMODE(facts.st_mode) | stat.S_IRWXU)
            with os.scandir(folder) as children:
                for child in children:
                    mode = child.stat(follow_symlinks=False).st_mode
                    if stat.S_ISDIR(mode):
                        folders.append(child.path)
                    elif stat.S_ISREG(mode) and mode & _ARMED:
                        os.chmod(child.path, stat.S_IMODE(mode) & ~_ARMED)


def _leads_straight(path: Path) -> bool:
    """Whether no link is on the way: a script may have put one in place of a folder."""
    return os.path.realpath(path.parent) == str(path.parent)


def _mark(path: Path) -> _Mark:
    facts = path.lstat()
    return _Mark(facts.st_ino, facts.st_size, facts.st_mtime_ns)
