"""How far a run has come."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from codegen_hpo.records import Event
from codegen_hpo.watch.progress import Progress
from codegen_hpo.watch.view import attempt_row, standing, trial_row

Make = Callable[..., Event]


@pytest.fixture
def progress(settings: Make, trial: Make) -> Progress:
    """A run with three trials; its clock is a minute after noon."""
    trials = [
        trial(1, "c01/1", 10.0, loss=3.0),
        trial(2, "c01/2", 20.0, loss=None),
        trial(3, "c01/3", 30.0, loss=2.0),
    ]
    return Progress([settings(), *trials], clock=lambda: datetime(2026, 3, 14, 12, 1, tzinfo=UTC))


def test_the_best_trial_has_the_lowest_loss_and_is_not_disqualified(progress: Progress, event: Make) -> None:
    assert progress.best
    assert progress.best["number"] == 3
    progress.receive(event("disqualified", "t003", reason=""))
    assert progress.best["number"] == 1


def test_the_final_model_is_told_until_the_run_goes_on(
    progress: Progress, event: Make, settings: Make
) -> None:
    assert standing(progress, written=True)["final"] is None
    result = {"trial": "t003", "members": {"t003": 1.0}, "validation_score": 2.0, "test_score": 2.5}
    progress.receive(event("final", "3/4", 31.0, result=result))
    told = {"name": "t003", "validation": 2.0, "test": 2.5}
    assert standing(progress, written=True)["final"] == told
    progress.receive(settings())
    assert standing(progress, written=True)["final"] is None


def test_what_is_spent_stands_beside_what_is_allowed(progress: Progress, event: Make) -> None:
    progress.receive(
        event("reply", "c01/tune/4/1", 30.0, usage={"prompt_tokens": 90, "completion_tokens": 9})
    )
    assert [tuple(spent) for spent in progress.spent] == [
        ("trials", 3, 4),
        ("seconds", 60.0, 60.0),
        ("tokens", 99, None),
    ]


def test_the_clock_of_a_run_stands_still_after_its_end(progress: Progress, event: Make) -> None:
    assert progress.elapsed_s == 60.0
    progress.receive(event("finished", "", 31.0, reason="", limit=""))
    assert progress.elapsed_s == 31.0


def test_a_call_that_was_refused_takes_nothing_of_the_budget(progress: Progress, trial: Make) -> None:
    progress.receive(trial(4, "c01/4", loss=None, status="refused"))
    assert progress.spent[0].used == 3


@pytest.mark.parametrize(
    ("end", "written", "state"),
    [
        (None, True, "running"),
        (None, False, "stopped"),
        ("finished", False, "done"),
        ("failed", False, "failed"),
        ("interrupted", False, "interrupted"),
    ],
)
def test_a_run_that_nobody_writes_and_that_has_no_end_was_killed(
    progress: Progress, event: Make, end: str | None, written: bool, state: str
) -> None:
    if end:
        progress.receive(event(end, "", 31.0))
    shown = standing(progress, written=written)
    assert shown["state"] == state
    assert bool(shown["works"]) == (state == "running")


def test_the_page_is_told_no_more_than_a_reader_sees(trial: Make, event: Make) -> None:
    row = trial_row(trial(1, "c01/1", loss=None, error="x" * 5000, reasoning="\u202eright to left").data)
    assert len(row["error"]) == 600
    assert row["reasoning"] == "\ufffdright to left"
    assert row["epochs"] == 100
    assert len(row["curve"]) <= 60
    finding = {"gate": "rules", "line": 3, "message": "no import of os"}
    attempt = attempt_row(
        event("attempt", candidate="c01", attempt=1, author="llm:m", findings=[finding] * 7)
    )
    assert attempt["findings"] == ["rules, line 3: no import of os"] * 5
    assert attempt["more"] == 2
