"""Drafts of the author: what it is told, and the one that it writes while trials run."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from codegen_hpo.author.base import Author, Brief, Draft
from codegen_hpo.contract import code_frame
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.machine import Machine
from codegen_hpo.engine.settings import Budget
from codegen_hpo.engine.tuning import Tuning
from codegen_hpo.records import Candidate, Finding
from codegen_hpo.task import Task


@dataclass(kw_only=True)
class Drafts:
    """Asks the author for drafts, each in a scope of its own."""

    task: Task
    budget: Budget
    author: Author
    machine: Machine
    tuning: Tuning
    journal: Journal
    letters: Correspondence | None
    _ahead: dict[int, "DraftAhead"] = field(default_factory=dict)

    def write(
        self,
        number: int,
        attempt: int,
        existing: Sequence[Candidate],
        previous: str | None = None,
        findings: tuple[Finding, ...] = (),
    ) -> Draft:
        """A draft of the candidate with this number; what the author raises is raised.

        Args:
            attempt: from 1.
            existing: the candidates before it.
            previous: the attempt that is to be mended, if there is one.
            findings: what was wrong with it.
        """
        ahead = self._ahead.pop(number, None)
        if ahead:
            return ahead.take()
        self._about(number, attempt)
        return self.author.write(self._brief(number, existing, previous, findings))

    def begin(self, number: int, existing: Sequence[Candidate]) -> None:
        """Has the first draft of a candidate written while the one before it is explored.

        What its brief tells is what is known now, however long the trials and the author take. While an
        interrupted run is replayed the draft waits until it is asked for: it is in the record, or was never
        asked for, and then the run's clock must not start before its time.
        """
        self._about(number, 1)
        brief = self._brief(number, existing, None, ())
        ahead = self._ahead[number] = DraftAhead(lambda: self.author.write(brief))
        if not self.journal.is_replaying:
            ahead.begin()

    def settle(self, patience_s: float = 30.0) -> None:
        """Waits for drafts under way that nobody will take: they are paid for, and so are to be recorded."""
        for ahead in self._ahead.values():
            ahead.wait(patience_s)

    def _brief(
        self,
        number: int,
        existing: Sequence[Candidate],
        previous: str | None,
        findings: tuple[Finding, ...],
    ) -> Brief:
        limits = [f"{self.budget.trials} trials"] if self.budget.trials else []
        limits += [f"{self.budget.seconds:.0f} s"] if self.budget.seconds else []
        return Brief(
            task=self.task,
            hardware=self.machine.text(),
            budget=", ".join(limits) or "no fixed limit",
            number=number,
            existing=tuple(existing),
            previous=previous,
            findings=findings,
            frame=code_frame(previous or "", findings) if findings else "",
            scores=tuple(self.tuning.best_score(candidate) for candidate in existing),
        )

    def _about(self, number: int, attempt: int) -> None:
        if self.letters:
            self.letters.draft_scope = f"c{number:02d}/author/{attempt}"


class DraftAhead:
    """A draft, written on a thread of its own once it is begun, or else when it is taken.

    A thread that nobody waits for any more ends with the process: a reply of the model that comes too late
    for the run is dropped, and so counted nowhere.

    Args:
        write: writes it. What it raises is raised when the draft is taken.
    """

    def __init__(self, write: Callable[[], Draft]) -> None:
        self._write = write
        self._draft: Draft | None = None
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begins to write it."""
        self._thread = threading.Thread(target=self._run, name="draft", daemon=True)
        self._thread.start()

    def wait(self, patience_s: float) -> None:
        """Waits for the end of what was begun, but no longer than so many seconds."""
        if self._thread is not None:
            self._thread.join(patience_s)

    def take(self) -> Draft:
        """The draft, once it is there. May be called once."""
        if self._thread is None:
            return self._write()
        self._thread.join()
        if self._error:
            raise self._error
        assert self._draft is not None
        return self._draft

    def _run(self) -> None:
        try:
            self._draft = self._write()
        except BaseException as error:  # whatever it is, it is the taker's
            self._error = error
