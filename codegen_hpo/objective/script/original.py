"""The script's folder as the user has it, which is read and never written: what of it is copied."""

import hashlib
import os
import posixpath
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.command_line import split
from codegen_hpo.objective.results.events import MARK
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.sources import Sources

LEFT_OUT = (
    *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", "*.pyc", ".ipynb_checkpoints"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"),
)
MOST_BYTES, MOST_FILES = 512 << 20, 20_000

_MIB = 1 << 20
_MOST_LISTED = 200_000  # files: a home folder is not listed to its end to be refused
_RUN_NAME = re.compile(r"\d{8}-\d{6}-")
_FIRST_EVENT = b'{"n": 1, "time": '
_OF_RUNS = "milestones.*"  # written beside the runs that are compared


class Entry(NamedTuple):
    """Something in the folder. Links are not followed."""

    path: str  # relative, with forward slashes
    kind: Literal["file", "folder", "link", "other"]
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The folder, and what of it stays there."""

    folder: Path  # resolved
    leave_out: tuple[str, ...]  # patterns of a name, or of a whole path
    run: Path | None  # resolved; it may lie inside the folder. None before there is one
    result: str  # the file that the script writes its metric into, relative; empty if there is none

    @classmethod
    def of(cls, script: Script, *, run: Path | None = None) -> "Original":
        """The script's folder. Raises ConfigError if it is none, or if the command names it as it stands."""
        folder = Path(script.folder)
        if not folder.is_dir():
            raise ConfigError(
                f"the script's folder {folder} is not here", hint="go to where the run was begun"
            )
        original = cls(
            folder=folder.resolve(),
            leave_out=(*LEFT_OUT, *script.leave_out),
            run=run.resolve() if run else None,
            result=posixpath.normpath(script.source.file) if script.source.file else "",
        )
        original._require_relative(script.command, {str(folder.absolute()), str(folder.resolve())})
        return original

    def entries(self) -> list[Entry]:
        """All that is copied, folders before what they hold.

        Raises:
            ConfigError: it is too much, or cannot be read.
        """
        found: list[Entry] = []
        try:
            for entry in self._below(self.folder):
                found.append(entry)
                if len(found) >= _MOST_LISTED:
                    break
        except OSError as error:
            raise _unreadable(error) from error
        total = sum(entry.bytes for entry in found)
        if total > MOST_BYTES or len(found) > MOST_FILES:
            raise _too_large(found, total)
        return found

    def sources(self, entries: Sequence[Entry], place: Path | None = None) -> Sources:
        """The files among the entries by their content.

        Args:
            entries: of this folder.
            place: a copy, whose files are read.

        Raises ConfigError if one cannot be read.
        """
        marks = {}
        try:
            for entry in entries:
                with suppress(FileNotFoundError):  # it vanished meanwhile
                    if entry.kind == "file" and not self._is_result(entry.path):
                        with ((place or self.folder) / entry.path).open("rb") as file:
                            marks[entry.path] = hashlib.file_digest(file, "sha256").hexdigest()
                    elif entry.kind == "link":
                        leads = os.readlink(self.folder / entry.path)
                        marks[entry.path] = hashlib.sha256(os.fsencode(leads)).hexdigest()
        except OSError as error:
            raise _unreadable(error) from error
        return Sources(marks)

    def _is_result(self, path: str) -> bool:
        """Whether it is what a run of the script by hand leaves, which no trial reads."""
        return path == self.result or MARK in path.rpartition("/")[2]

    def _below(self, folder: Path, prefix: str = "") -> Iterator[Entry]:
        printed = _own_output()
        with os.scandir(folder) as listed:
            children = sorted(listed, key=lambda child: child.name)
        for child in children:
            path = prefix + child.name
            if self._stays(path):
                continue
            if child.is_symlink():
                yield Entry(path, "link", 0)
            elif not child.is_dir():
                facts = child.stat(follow_symlinks=False)
                if (facts.st_dev, facts.st_ino) in printed:
                    continue
                regular = stat.S_ISREG(facts.st_mode)
                yield Entry(path, "file" if regular else "other", facts.st_size if regular else 0)
            elif not (self._is_run(Path(child.path)) or self._holds_runs_alone(Path(child.path))):
                yield Entry(path, "folder", 0)
                yield from self._below(Path(child.path), f"{path}/")

    def _stays(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return any(fnmatch(name, p) or fnmatch(path, p.rstrip("/")) for p in self.leave_out)

    def _is_run(self, path: Path) -> bool:
        """Whether it is this run or another one: none of them belongs to the script."""
        if path == self.run:
            return True
        events = path / "events.jsonl"
        if not events.is_file():
            return False
        beside = self.run is not None and path.parent == self.run.parent
        return beside or bool(_RUN_NAME.match(path.name)) or _begins_as_a_run(events)

    def _holds_runs_alone(self, path: Path) -> bool:
        """Whether it is a folder of runs, and what is written beside them."""
        try:
            children = list(path.iterdir())
        except OSError:
            return False
        runs = [child for child in children if child.is_dir() and self._is_run(child)]
        return bool(runs) and all(fnmatch(child.name, _OF_RUNS) for child in children if child not in runs)

    def _require_relative(self, command: str, folders: set[str]) -> None:
        """A path of the original in the command would have the script read that, whatever is proposed."""
        for folder in folders - {"/"}:
            named = re.compile(rf"(?<![\w./~-]){re.escape(folder)}((?:/[^:,;]*)?)(?=$|[:,;])")
            for found in filter(None, map(named.search, split(command))):
                parts = PurePosixPath(found[1].strip("/")).parts
                if not any(self._stays("/".join(parts[: n + 1])) for n in range(len(parts))):
                    raise ConfigError(
                        f"the command names {found[0]} by its absolute path: it is run in a copy of "
                        "that folder, and would not see what is tuned there",
                        hint=f"write {found[1].strip('/') or '.'} in its place",
                    )


def _begins_as_a_run(events: Path) -> bool:
    """Whether a file of this name is one of ours: scripts write events, too."""
    with suppress(OSError), events.open("rb") as file:
        return file.read(len(_FIRST_EVENT)) == _FIRST_EVENT
    return False


def _own_output() -> set[tuple[int, int]]:
    """The files into which this program prints, which grow with each trial: nohup.out and the like."""
    found = set()
    for descriptor in (1, 2):
        with suppress(OSError):
            facts = os.fstat(descriptor)
            found.add((facts.st_dev, facts.st_ino))
    return found


def _unreadable(error: OSError) -> ConfigError:
    return ConfigError(
        f"the script's folder cannot be copied: {error.filename}: {error.strerror}",
        hint="leave it out with --leave-out, or make it readable",
    )


def _too_large(found: list[Entry], total: int) -> ConfigError:
    least = "at least " if len(found) >= _MOST_LISTED else ""
    return ConfigError(
        "the script's folder is too large to be copied for each trial: "
        f"{least}{total / _MIB:,.0f} MiB in {len(found):,} files and folders, "
        f"at most {MOST_BYTES / _MIB:,.0f} MiB in {MOST_FILES:,}; "
        f"the most is in {_largest(found, by_size=total > MOST_BYTES)}",
        hint="name a smaller folder with --folder, or leave something out with --leave-out 'data/*'; "
        "a link to data elsewhere is not followed",
    )


def _largest(found: list[Entry], *, by_size: bool) -> str:
    """What holds the most, of all that lies in the folder itself."""
    counts: Counter[str] = Counter()
    for entry in found:
        counts[entry.path.partition("/")[0]] += entry.bytes if by_size else 1
    first, *others = counts.most_common(5)
    shown = [first, *(each for each in others if each[1] > first[1] / 20)]
    return ", ".join(
        f"{name} ({count / _MIB:,.0f} MiB)" if by_size else f"{name} ({count:,})" for name, count in shown
    )
