"""Whose workers are open, and when."""

import itertools
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from codegen_hpo.engine.worker import Crew, Crews, Team
from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello, Worker
from codegen_hpo.testing import ScriptedSandbox


class Opened:
    """Counts the workers that are open."""

    def __init__(self) -> None:
        self._sandbox = ScriptedSandbox(lambda job: Outcome(status="ok"))
        self._lock = threading.Lock()
        self.made = self.closed = 0

    def crew(self) -> Crew:
        return Crew([self._open], lambda hello: None, size=2)

    def _open(self) -> Worker:
        opened = self

        class Counted:
            hello: Hello = opened._sandbox.open(Path()).hello

            def run(self, job: Job) -> Outcome:
                return Outcome(status="ok")

            def close(self) -> None:
                with opened._lock:
                    opened.closed += 1

        with self._lock:
            self.made += 1
        return Counted()


def use(crew: Crew) -> None:
    with crew.taken() as worker:
        worker.run(Job(kind="train", source=""))


def test_a_candidate_keeps_its_crew_and_meets_no_others() -> None:
    opened = Opened()
    crews = Crews(opened.crew)
    first, second = crews.of("c01"), crews.of("c02")
    assert first is not second
    assert crews.of("c01") is first
    crews.close()
    assert opened.made == 0


def test_a_crew_that_was_prepared_is_open_when_it_is_needed() -> None:
    opened = Opened()
    crews = Crews(opened.crew)
    use(crews.of("c01"))
    crews.prepare()
    crews.prepare()
    crew = crews.of("c02")
    use(crew)
    crews.close()
    assert opened.made == opened.closed == 1 + 2


def failing(opened: Opened, failures: int) -> tuple[Crew, list[str]]:
    """A crew whose first workers cannot be opened, and a note of each attempt."""
    attempts: list[str] = []

    def open_worker() -> Worker:
        attempts.append("")
        if len(attempts) <= failures:
            raise SandboxError("the sandbox worker did not start: it did not answer")
        return opened._open()

    return Crew([open_worker], lambda hello: None, size=1), attempts


def test_a_worker_that_could_not_be_opened_ahead_is_opened_when_it_is_needed() -> None:
    opened = Opened()
    crew, attempts = failing(opened, 1)
    crew.warm()
    use(crew)
    use(crew)
    crew.close()
    assert (len(attempts), opened.made, opened.closed) == (2, 1, 1)


@pytest.mark.parametrize("ahead", [True, False])
def test_a_sandbox_that_opens_none_is_a_fault(ahead: bool) -> None:
    crew, attempts = failing(Opened(), 9)
    if ahead:
        crew.warm()
    with pytest.raises(SandboxError, match="did not answer"):
        use(crew)
    assert len(attempts) == 1 + ahead


def test_only_the_leaders_crew_is_kept_and_the_next_ones() -> None:
    opened = Opened()
    crews = Crews(opened.crew)
    for name in ("c01", "c02"):
        use(crews.of(name))
    crews.prepare()
    crews.keep("c02")
    assert opened.closed == 1
    use(crews.of("c02"))  # still open: a closed one runs no job
    crews.keep("")
    assert opened.closed == 2
    use(crews.of("c03"))
    crews.close()
    assert opened.made == opened.closed


def test_nothing_is_left_of_what_was_prepared_in_vain() -> None:
    opened = Opened()
    crews = Crews(opened.crew)
    crews.prepare()
    crews.close()
    crews.close()
    assert opened.made == opened.closed == 2


class Side:
    """A worker whose jobs end when they are told to."""

    hello = Hello(python="3.11.0", torch="2.13.0", cuda="")

    def __init__(self, answer: Callable[[], Outcome]) -> None:
        self.answer, self.runs, self.closed = answer, 0, threading.Event()

    def run(self, job: Job) -> Outcome:
        self.runs += 1
        return self.answer()

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("fault", [SandboxError("no engine"), OSError(28, "No space left on device")])
def test_a_worker_that_nobody_needed_and_did_not_open_keeps_no_other_from_being_closed(
    fault: Exception,
) -> None:
    opened, turn = Opened(), itertools.count()

    def open_one() -> Worker:
        if next(turn) == 0:
            raise fault
        return opened._open()

    crew = Crew([open_one], lambda hello: None, size=2)
    crew.warm()
    crew.close()
    assert opened.made == opened.closed == 1


def test_a_fold_that_fails_lets_no_other_begin() -> None:
    second_began = threading.Event()

    def first() -> Outcome:
        assert second_began.wait(30)
        return Outcome(status="nan", error="first")

    def second() -> Outcome:
        second_began.set()
        return Outcome(status="nan", error="second")

    sides = [Side(first), Side(second), Side(lambda: Outcome(status="ok"))]
    team = Team([partial(lambda one: one, side) for side in sides], lambda hello: None, at_once=2)
    outcomes = team.run_folds([Job(kind="train", source="")] * 3)
    assert [outcome.error for outcome in outcomes] == ["first"], "the first fold that fails, not the fastest"
    assert sides[2].runs == 0


def test_a_worker_that_does_not_start_ends_the_other_folds() -> None:
    def broken() -> Worker:
        raise SandboxError("the engine is gone")

    def works() -> Outcome:
        assert side.closed.wait(30)
        return Outcome(status="killed")

    side = Side(works)
    team = Team([lambda: side, broken], lambda hello: None, at_once=2)
    with pytest.raises(SandboxError, match="the engine is gone"):
        team.run_folds([Job(kind="train", source="")] * 2)
    assert side.closed.is_set()
