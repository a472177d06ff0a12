"""What of the script's folder trials were made with: whether two of them ran the same script."""

import hashlib
import json
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.results.opening import UnreadableError, opened, read_text_file
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.store.folder import RunFolder

_LISTED = 5
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of one state of the folder."""

    marks: Mapping[str, str]  # SHA-256 of the content, or of where a link leads, by path

    @property
    def code_hash(self) -> str:
        """SHA-256 of them all, hexadecimal."""
        return hashlib.sha256(json.dumps(self.marks, sort_keys=True).encode()).hexdigest()

    def changes_to(self, later: "Sources") -> list[str]:
        """What of these files is another one later, or gone."""
        told = []
        for path, mark in sorted(self.marks.items()):
            if path not in later.marks:
                told.append(f"{path} is gone")
            elif later.marks[path] != mark:
                told.append(f"{path} has changed")
        return told

    def additions_of(self, later: "Sources") -> list[str]:
        """What is there only later."""
        return [f"{path} is new" for path in sorted(later.marks.keys() - self.marks.keys())]


class SourceRecord:
    """The states that trials of a run were made with. Its methods may be called from several threads at once.

    Args:
        folder: the run, which may have trials of earlier sessions.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        made = folder.of_kind("trial", "experiment")
        self._last = str(made[-1].data.get("code_hash", "")) if made else ""
        self._known = _read(folder, self._last)

    @property
    def begun(self) -> bool:
        """Whether there is a trial to compare with."""
        return bool(self._last)

    def require_unchanged(self, now: Sources) -> None:
        """Raises ConfigError if the last trial was of another script. A file more does not make it one."""
        if not self._last or now.code_hash == self._last:
            return
        told = self._known.changes_to(now) if self._known else ["what it was is not recorded"]
        if told:
            raise ConfigError(
                f"the script's folder is not as it was in the run's last trial: {listed(told)}",
                hint="to go on with the script as it is now: --here; or tune it anew with tune-script",
            )

    def note(self, now: Sources) -> str:
        """What changed since the trial before, empty if nothing did; this state is recorded."""
        code_hash = now.code_hash
        with self._lock:
            if code_hash == self._last:
                return ""
            self._folder.write_json(_file(code_hash), dict(sorted(now.marks.items())))
            before, known, self._last, self._known = self._last, self._known, code_hash, now
        if not before:
            return ""
        told = (
            [*known.changes_to(now), *known.additions_of(now)] if known else ["what it was is not recorded"]
        )
        return f"the script's folder is not as it was in the trial before: {listed(told)}"


def listed(texts: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    shown = ", ".join(short(text, 120) for text in texts[:_LISTED])
    return shown + (f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else "")


def _file(code_hash: str) -> str:
    return f"sources/{code_hash}.json"


def _read(folder: RunFolder, code_hash: str) -> Sources | None:
    """The recorded state, None if it is not there or is another one."""
    if not _HASH.fullmatch(code_hash):
        return None
    with suppress(UnreadableError, OSError, ValueError, RecursionError):
        with opened(folder.path, _file(code_hash)) as descriptor:
            marks = json.loads(read_text_file(descriptor, _file(code_hash)))
        if isinstance(marks, dict):
            found = Sources(marks)
            return found if found.code_hash == code_hash else None
    return None
