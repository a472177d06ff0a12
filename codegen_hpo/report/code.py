"""What was written: each candidate's text in colours, and each attempt with findings and what it changed."""

from dataclasses import dataclass
from difflib import unified_diff
from typing import NamedTuple

from markupsafe import Markup

from codegen_hpo.assistant.record import Record
from codegen_hpo.contract import code_frame
from codegen_hpo.contract.frame import visible
from codegen_hpo.records import Candidate
from codegen_hpo.report.highlight import highlighted
from codegen_hpo.shown import counted
from codegen_hpo.store.history import Attempt

_CHARACTERS = 400_000  # of all texts and diffs in a report; what comes later is named alone
_LINES = 1500  # of one text
_WIDTH = 300  # characters of a line in a diff


class DiffLine(NamedTuple):
    """A line of a diff."""

    kind: str  # "add", "del", "at" or ""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptShown:
    """One text of the author, and what was sent back."""

    name: str  # "attempt 2"
    verdict: str  # "passed every gate" or "2 findings"
    passed: bool
    findings: str  # with the lines around each
    text: tuple[Markup, ...]  # of the first attempt, and of one that cannot be compared
    diff: tuple[DiffLine, ...]  # to the attempt before
    note: str  # why neither is shown; empty if one is


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateShown:
    """A function that was written."""

    name: str
    title: str
    author: str
    scored: str  # what its best trial came to
    won: bool
    source: tuple[Markup, ...]  # of the text that passed last; empty if none did
    attempts: tuple[AttemptShown, ...]


class _Room:
    """What may still be shown."""

    def __init__(self) -> None:
        self._left = _CHARACTERS

    def take(self, text: str) -> bool:
        """Whether there is room for the text, which then takes it."""
        if len(text) > self._left or text.count("\n") > _LINES:
            return False
        self._left -= len(text)
        return True


def candidates_shown(record: Record, winner: str, scored: dict[str, str]) -> list[CandidateShown]:
    """The functions of a run in their order, with the one that won first.

    Args:
        record: of the run.
        winner: the candidate of the best trial; empty if there is none.
        scored: what each candidate came to, by its name.
    """
    history, room = record.history, _Room()
    known = {candidate.name: candidate for candidate in history.candidates}
    names = list(dict.fromkeys(attempt.candidate for attempt in history.attempts))
    names.sort(key=lambda name: name != winner)
    return [
        _candidate(
            record,
            name,
            known.get(name),
            [attempt for attempt in history.attempts if attempt.candidate == name],
            room,
            won=name == winner,
            scored=scored.get(name, ""),
        )
        for name in names
    ]


def _candidate(
    record: Record,
    name: str,
    candidate: Candidate | None,
    attempts: list[Attempt],
    room: _Room,
    *,
    won: bool,
    scored: str,
) -> CandidateShown:
    source = candidate.source if candidate else ""
    shown = tuple(highlighted(source)) if source and room.take(source) else ()
    texts = [_text(record, attempt) for attempt in attempts]
    return CandidateShown(
        name=name,
        title=candidate.title if candidate else "none of its texts passed",
        author=candidate.author if candidate else "",
        scored=scored,
        won=won,
        source=shown,
        attempts=tuple(
            _attempt(attempt, text, before, source, room)
            for attempt, text, before in zip(attempts, texts, ["", *texts[:-1]], strict=True)
        ),
    )


def _text(record: Record, attempt: Attempt) -> str:
    """The text of an attempt, or the reply in which none was found."""
    for name in ("model.py", "reply.txt"):
        path = record.folder.file(f"{attempt.folder}/{name}")
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _attempt(attempt: Attempt, text: str, before: str, source: str, room: _Room) -> AttemptShown:
    shown: tuple[Markup, ...] = ()
    diff: tuple[DiffLine, ...] = ()
    note = ""
    if not before and text == source:
        note = "Its text is the one above."
    elif not room.take(text):
        note = "Its text is kept in the run; it is left out here for its length."
    elif before and before.count("\n") <= _LINES:
        diff = tuple(_diff(before, text))
        note = "" if diff else "The text is the same as before."
    else:
        shown = tuple(highlighted(text))
    return AttemptShown(
        name=f"attempt {attempt.number}",
        verdict=counted(len(attempt.findings), "finding") if attempt.findings else "passed every gate",
        passed=not attempt.findings,
        findings=code_frame(text, attempt.findings) if attempt.findings else "",
        text=shown,
        diff=diff,
        note=note,
    )


def _diff(before: str, after: str) -> list[DiffLine]:
    kinds = {"+": "add", "-": "del", "@": "at"}
    old, new = ([line[:_WIDTH] for line in visible(text).split("\n")] for text in (before, after))
    lines = list(unified_diff(old, new, lineterm=""))[2:]  # without the names of files
    return [DiffLine(kinds.get(line[:1], ""), line) for line in lines]
