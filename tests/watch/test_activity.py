"""What goes on in a run follows from what has ended in it."""

from collections.abc import Callable

import pytest

from codegen_hpo.records import Event
from codegen_hpo.watch.activity import Activity

Make = Callable[..., Event]


def now(*events: Event) -> list[tuple[str, str]]:
    activity = Activity()
    for event in events:
        activity.receive(event)
    return [(work.verb, work.about) for work in activity.now()]


def told(*events: Event) -> dict[str, str]:
    activity = Activity()
    for event in events:
        activity.receive(event)
    return {work.about: work.passed for work in activity.now()}


@pytest.fixture
def begun(event: Make, settings: Make) -> list[Event]:
    """A run whose sandbox is open."""
    return [settings(), event("prepared", baselines=[]), event("sandbox")]


@pytest.fixture
def passed(event: Make, begun: list[Event]) -> list[Event]:
    """A run whose function passed every gate."""
    return [
        *begun,
        event("reply", "c01/author/1/1", usage={}),
        event("attempt", "c01/1", candidate="c01", attempt=1, findings=[]),
        event("candidate", "c01/1", 5.0, name="c01"),
    ]


def test_from_the_table_to_the_first_draft(event: Make, settings: Make, begun: list[Event]) -> None:
    assert now(settings()) == [("prepares", "the data")]
    assert now(*begun[:2]) == [("opens", "the sandbox")]
    assert now(*begun) == [("writes", "c01")]
    reply = event("reply", "c01/author/1/1", usage={})
    assert now(*begun, reply) == [("checks", "c01")]


def test_findings_send_the_function_back_to_the_author(event: Make, begun: list[Event]) -> None:
    activity = Activity()
    for one in [*begun, event("attempt", "c01/1", candidate="c01", attempt=1, findings=[{}])]:
        activity.receive(one)
    (work,) = activity.now()
    assert (work.verb, work.about, work.detail) == ("writes", "c01", "attempt 2")


def test_a_function_that_passed_is_trained_at_its_defaults(passed: list[Event]) -> None:
    assert now(*passed) == [("trains", "t001")]


def test_a_first_trial_that_failed_sends_the_function_back(passed: list[Event], trial: Make) -> None:
    assert now(*passed, trial(1, "c01/1", loss=None, by="default")) == [("writes", "c01")]


def test_calls_are_trained_one_after_another(passed: list[Event], call: Make, trial: Make) -> None:
    first = trial(1, "c01/1", by="default")
    assert now(*passed, first) == [("chooses", "a call")]
    assert now(*passed, first, call("c01/2")) == [("trains", "t002")]
    assert now(*passed, first, call("c01/2"), trial(2, "c01/2")) == [("chooses", "a call")]


def test_of_calls_beside_one_another_the_last_waits_for_a_place(
    event: Make, settings: Make, call: Make, trial: Make
) -> None:
    activity = Activity()
    for one in [
        settings(parallel=2),
        event("sandbox"),
        event("candidate", "c01/1", 1.0, name="c01"),
        trial(1, "c01/1", 2.0, by="default"),
        call("c01/2", 3.0),
        call("c01/3", 3.0),
        call("c01/4", 3.0),
    ]:
        activity.receive(one)
    assert [(w.verb, w.about) for w in activity.now()] == [
        ("trains", "t002"),
        ("trains", "t003"),
        ("waits", "t004"),
    ]
    activity.receive(trial(3, "c01/3", 9.0))
    assert [(w.verb, w.about, w.since_s) for w in activity.now()] == [
        ("trains", "t002", 3.0),
        ("trains", "t004", 9.0),
    ]


def test_the_next_candidate_is_written_when_one_had_its_part(
    event: Make, settings: Make, trial: Make
) -> None:
    explored = [
        settings(candidates=2, explore=1),
        event("sandbox"),
        event("attempt", "c01/1", candidate="c01", attempt=1, findings=[]),
        event("candidate", "c01/1", name="c01"),
        trial(1, "c01/1", by="default"),
    ]
    assert now(*explored) == [("writes", "c02")]
    assert now(*explored, event("left_out", "c02", reason="")) == [("chooses", "a call")]


def test_the_last_trials_of_the_budget_are_on_fresh_seeds(event: Make, settings: Make, trial: Make) -> None:
    budget = {"trials": 10, "seconds": None, "tokens": None}
    search = [settings(reseed=2, budget=budget), event("candidate", "c01/1", name="c01")]
    search += [trial(number, f"c01/{number}", by="default") for number in range(1, 9)]
    assert now(*search) == [("trains", "the best calls")]
    fresh = trial(9, "c01/fresh/t003", by="fresh seed of t003")
    assert now(*search, fresh) == [("trains", "the best calls")]
    assert now(*search, fresh, event("selected", "9/9")) == [("tries", "the final model")]


def test_after_the_last_trial_of_the_budget_no_call_is_chosen(
    event: Make, settings: Make, trial: Make
) -> None:
    budget = {"trials": 1, "seconds": None, "tokens": None}
    only = [settings(budget=budget), event("candidate", "c01/1", name="c01"), trial(1, "c01/1", by="default")]
    assert now(*only) == [("ends", "the search")]


@pytest.mark.parametrize("kind", ["finished", "failed", "interrupted"])
def test_nothing_goes_on_after_the_end(event: Make, passed: list[Event], kind: str) -> None:
    assert now(*passed, event(kind)) == []


def test_a_session_more_runs_the_calls_that_the_one_before_left(
    event: Make, settings: Make, passed: list[Event], trial: Make, call: Make
) -> None:
    left = [*passed, trial(1, "c01/1", by="default"), call("c01/2"), event("interrupted"), settings()]
    assert now(*left) == [("trains", "t002"), ("takes up", "the run")]
    assert now(*left, trial(2, "c01/2")) == [("chooses", "a call")]


def test_the_calls_of_a_command_run(event: Make, call: Make, trial: Make) -> None:
    settings = event("settings", tuner="tpe", model="", parallel=1, budget={"trials": 3})
    begun = [settings, event("objective", metric="loss")]
    assert now(*begun) == [("chooses", "a call")]
    assert now(*begun, call("t001", by="default")) == [("runs", "t001")]
    assert now(*begun, call("t001", by="default"), trial(1, "t001", by="default")) == [("chooses", "a call")]


def test_the_latest_epoch_stands_with_its_trial_until_it_ends(
    event: Make, passed: list[Event], call: Make, trial: Make
) -> None:
    begun = [*passed, trial(1, "c01/1", by="default"), call("c01/2")]
    fourth = event("passed", "t002", fold=1, folds=1, epoch=4)
    assert told(*begun, fourth) == {"t002": "epoch 4"}
    assert told(*begun, event("passed", "t009", fold=1, folds=1, epoch=4)) == {"t002": ""}
    done = [*begun, fourth, trial(2, "c01/2")]
    assert told(*done, fourth, call("c01/3")) == {"t003": ""}, "a watcher may read late where it was"


def test_of_folds_side_by_side_the_latest_is_told(event: Make, passed: list[Event], settings: Make) -> None:
    places = [(1, 30), (2, 5), (1, 31), (2, 6)]
    shown = [event("passed", "t001", fold=fold, folds=5, epoch=epoch) for fold, epoch in places]
    assert told(*passed, *shown) == {"t001": "fold 2 of 5, epoch 6"}
    assert told(*passed, *shown, settings())["t001"] == "", "of a session that was killed"


def test_trials_on_fresh_seeds_are_named_with_their_epochs(event: Make, settings: Make, trial: Make) -> None:
    searched = [trial(number, f"c01/{number}") for number in range(1, 9)]
    begun = [settings(reseed=2, budget={"trials": 10}), *searched]
    assert told(*begun, event("passed", "t009", fold=1, folds=1, epoch=7)) == {
        "the best calls": "t009 epoch 7"
    }
