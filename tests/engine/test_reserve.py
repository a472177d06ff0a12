"""What of --time is kept for what follows a search, and what becomes of the last calls."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.reserve import kept_seconds
from codegen_hpo.engine.settings import Budget, Settings
from codegen_hpo.engine.timekeeper import Timekeeper
from codegen_hpo.records import Call, Epoch, Job, Outcome, Trial
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox

Start = Callable[..., Run]


def trials(count: int, *, training_s: float, beside_s: float) -> list[Trial]:
    """Different calls, the first one the best, and none trained again."""
    return [
        Trial(
            number=number,
            candidate="c01",
            code_hash="",
            call=Call(arguments={"rate": float(number)}, proposed_by="tpe"),
            outcome=Outcome(
                status="ok", curve=(Epoch(1, 1.0, 1.0, training_s),), seconds=training_s + beside_s
            ),
            score=float(number),
            loss=float(number),
            seed=0,
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("budget", "had", "expected"),
    [
        (Budget(), trials(20, training_s=4.0, beside_s=1.0), 0.0),
        (Budget(seconds=100), [], 0.0),
        (Budget(seconds=100), trials(3, training_s=4.0, beside_s=1.0), 3.0),  # opens three models
        (Budget(seconds=1000), trials(12, training_s=4.0, beside_s=1.0), 9.0 + 15.0),  # trains three again
        (Budget(seconds=40), trials(12, training_s=4.0, beside_s=1.0), 10.0),  # a quarter at most
    ],
)
def test_fresh_seeds_and_the_test_rows_have_their_part(
    budget: Budget, had: list[Trial], expected: float
) -> None:
    assert kept_seconds(Settings(budget=budget), had) == pytest.approx(expected)


class Clock:
    """A clock that stands where it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timekeeper(tmp_path: Path, clock: Clock) -> Timekeeper:
    """Of a run of 100 s whose sandbox was there after 5 s, and its first trial after 25."""
    journal = Journal(RunFolder.at(tmp_path / "run"), clock=clock)
    with journal.folder.writing():
        for kind, key, now in (("prepared", "", 0.0), ("sandbox", "", 5.0), ("trial", "c01/1", 25.0)):
            clock.now = now
            journal.once(kind, key, dict)
    return Timekeeper(settings=Settings(budget=Budget(seconds=100), trial_s=30.0), journal=journal, rows=100)


def test_the_search_ends_before_the_run(timekeeper: Timekeeper) -> None:
    had = trials(3, training_s=4.0, beside_s=2.0)
    assert timekeeper.left_s == 75.0
    assert timekeeper.search_s(had) == timekeeper.fresh_s(had) == 69.0


@pytest.mark.parametrize(
    ("now", "left_s", "grace_s"), [(5.0, 90.0, 60.0), (30.0, 60.0, 40.0), (98.0, 1.0, 5.0)]
)
def test_a_trial_is_stopped_at_the_end_of_the_run(
    timekeeper: Timekeeper, clock: Clock, now: float, left_s: float, grace_s: float
) -> None:
    clock.now = now
    assert timekeeper.grace_s(left_s) == grace_s


@pytest.mark.parametrize(("now", "allowed"), [(60.0, True), (79.0, True), (81.0, False)])
def test_another_candidate_has_the_time_that_the_first_one_took(
    timekeeper: Timekeeper, clock: Clock, now: float, allowed: bool
) -> None:
    clock.now = now
    assert timekeeper.allows_another([]) == allowed


def test_trials_of_the_search_are_given_what_is_left_for_the_search(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    usual = sandbox.script

    def slow_to_load(job: Job) -> Outcome:
        outcome = usual(job)
        fields = {name: getattr(outcome, name) for name in outcome.__slots__}
        return Outcome(**fields | {"seconds": 3.1})  # 0.1 of them for the curve

    sandbox = ScriptedSandbox(slow_to_load)
    budget = Budget(trials=3, seconds=60)
    start(author=ScriptedAuthor([source]), sandbox=sandbox, budget=budget, trial_s=300.0)
    first, second, third = (job for job in sandbox.jobs if job.kind == "train")
    assert first.train_s <= 60
    assert first.timeout_s - first.train_s == 60, "there is no model yet"
    assert second.train_s <= 60 - 3
    assert third.train_s <= 60 - 6
    assert second.timeout_s <= 60 + 5


def test_the_worker_for_the_test_rows_is_opened_while_a_trial_runs_that_may_be_the_last(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    usual, opened = sandbox.script, threading.Event()

    class Sandbox(ScriptedSandbox):
        def open(self, bundle: Path) -> Worker:
            if bundle.name == "rows":
                opened.set()
            return super().open(bundle)

    def answer(job: Job) -> Outcome:
        assert job.kind != "train" or opened.wait(30), "it is not open when the first call trains"
        return usual(job)

    budget = Budget(trials=3, seconds=60)
    start(author=ScriptedAuthor([source]), sandbox=Sandbox(answer), budget=budget, trial_s=300.0)
