"""Random search and TPE over a space."""

import logging
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Arguments, Choice, Float, Int, Space, canonical
from codegen_hpo.tuner.base import NoProposal, Tuner
from codegen_hpo.tuner.make import make_tuner

SPACE = Space(
    {
        "width": Int(8, 1024, log=True, default=64),
        "rate": Float(1e-5, 1e-1, log=True, default=1e-3),
        "dropout": Float(0.0, 0.6, default=0.1),
        "mixed": Choice((0.5, "auto", 3, True), default="auto"),
        "residual": Choice((False, True), default=True),
    }
)
SMALL = Space({"depth": Int(1, 3, default=1), "residual": Choice((False, True), default=True)})


def trial(number: int, arguments: Arguments, loss: float | None) -> Trial:
    return Trial(
        number=number,
        candidate="c01",
        code_hash="0" * 64,
        call=Call(arguments=arguments, proposed_by="test"),
        outcome=Outcome(status="error" if loss is None else "ok"),
        score=loss,
        loss=loss,
        seed=0,
    )


def quadratic(arguments: Arguments) -> float:
    """Best at rate 1e-3, dropout 0.2."""
    return (math.log10(float(arguments["rate"])) + 3) ** 2 + (float(arguments["dropout"]) - 0.2) ** 2


def play(tuner: Tuner, trials: int) -> list[Arguments]:
    """The proposals of a run in which the tuner is told each result."""
    proposals = []
    for number in range(1, trials + 1):
        call = tuner.ask(trials - number + 1)
        tuner.tell(trial(number, call.arguments, quadratic(call.arguments)))
        proposals.append(call.arguments)
    return proposals


@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_every_proposal_is_complete_in_range_and_new(kind):
    proposals = play(make_tuner(kind, SPACE, seed=3), 25)
    for arguments in proposals:
        assert list(arguments) == list(SPACE)
        assert SPACE.check(arguments).arguments == arguments
    assert len({canonical(arguments) for arguments in proposals}) == 25


@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_a_call_says_who_proposed_it(kind):
    tuner = make_tuner(kind, SPACE, seed=0)
    assert tuner.name == kind
    assert tuner.ask(None).proposed_by == kind


@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_a_tuner_told_the_same_trials_proposes_what_the_uninterrupted_one_did(kind):
    proposals = play(make_tuner(kind, SPACE, seed=5), 16)
    for stop in (1, 8, 15):
        resumed = make_tuner(kind, SPACE, seed=5)
        for number, arguments in enumerate(proposals[:stop], 1):
            resumed.tell(trial(number, arguments, quadratic(arguments)))
        assert resumed.ask(None).arguments == proposals[stop]


def test_another_seed_gives_other_proposals():
    assert play(make_tuner("tpe", SPACE, seed=1), 3) != play(make_tuner("tpe", SPACE, seed=2), 3)


def test_tpe_finds_a_better_point_than_random_search_does_on_average():
    def best(kind, seed):
        return min(map(quadratic, play(make_tuner(kind, SPACE, seed=seed), 40)))

    tpe = sum(best("tpe", seed) for seed in range(6))
    random = sum(best("random", seed) for seed in range(6))
    assert tpe < random


def test_calls_not_yet_told_are_not_proposed_again():
    tuner = make_tuner("tpe", SMALL, seed=0)
    running: list[Call] = []
    for _ in range(6):
        running.append(tuner.ask(None, running))
    assert len({canonical(call.arguments) for call in running}) == 6


@pytest.mark.parametrize("kind", ["random", "tpe"])
def test_a_finite_space_is_tried_out_and_then_there_is_no_proposal(kind):
    tuner = make_tuner(kind, SMALL, seed=0)
    tuner.tell(trial(1, SMALL.defaults(), 1.0))
    for number in range(2, 7):
        call = tuner.ask(None)
        tuner.tell(trial(number, call.arguments, 1.0 / number))
    with pytest.raises(NoProposal, match="all 6 combinations"):
        tuner.ask(None)


def test_a_large_finite_space_with_a_stubborn_favourite_still_gives_new_points():
    space = Space({"a": Int(0, 99_999, default=0), "b": Choice((False, True))})
    tuner = make_tuner("tpe", space, seed=0)
    for number in range(1, 31):
        tuner.tell(trial(number, {"a": number % 3, "b": True}, 0.0))
    assert canonical(tuner.ask(None).arguments) not in {canonical({"a": a, "b": True}) for a in range(3)}


def test_tpe_keeps_away_from_where_trials_failed():
    space = Space({"x": Float(0.0, 1.0, default=0.5)})
    late_failures = 0
    for seed in range(5):
        tuner = make_tuner("tpe", space, seed=seed)
        for number in range(1, 31):
            x = float(tuner.ask(None).arguments["x"])
            tuner.tell(trial(number, {"x": x}, None if x > 0.5 else (x - 0.25) ** 2))
            late_failures += number > 15 and x > 0.5
    assert late_failures / (5 * 15) < 0.2  # half of the random ones fail


@pytest.mark.parametrize("loss", [None, math.nan, math.inf])
def test_a_trial_without_a_finite_loss_counts_as_failed(loss):
    tuner = make_tuner("tpe", SPACE, seed=0)
    for number in range(1, 15):
        tuner.tell(trial(number, tuner.ask(None).arguments, loss))
    assert SPACE.check(tuner.ask(None).arguments).arguments is not None


def test_many_failures_never_make_a_failed_trial_one_of_the_good_ones():
    space = Space({"x": Float(0.0, 1.0, default=0.5)})
    for seed in range(10):
        tuner = make_tuner("tpe", space, seed=seed)
        tuner.tell(trial(1, {"x": 0.1}, 1.0))
        for number in range(2, 60):
            tuner.tell(trial(number, {"x": 0.9 + number / 1000}, None))
        assert float(tuner.ask(None).arguments["x"]) < 0.5


def test_a_trial_of_another_space_teaches_nothing():
    tuner = make_tuner("tpe", SPACE, seed=0)
    expected = make_tuner("tpe", SPACE, seed=0).ask(None)
    tuner.tell(trial(1, {"heads": 4}, 0.1))
    assert tuner.ask(None) == expected


def test_optuna_says_nothing_on_a_trial():
    assert logging.getLogger("optuna").level >= logging.WARNING


number = st.integers(-1000, 1000)
dimensions = st.one_of(
    st.tuples(number, number).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: Int(*ends)),
    st.tuples(number, number)
    .filter(lambda ends: ends[0] < ends[1])
    .map(lambda ends: Float(*map(float, ends))),
    st.tuples(st.integers(1, 50), st.integers(51, 2000)).map(lambda ends: Int(*ends, log=True)),
    st.lists(st.one_of(st.booleans(), st.text(max_size=3)), min_size=1, max_size=4, unique=True).map(
        lambda options: Choice(tuple(options))
    ),
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), dimensions, min_size=1, max_size=4), st.integers(0, 2**40))
def test_proposals_over_any_space_are_in_range(declared, seed):
    space = Space(declared)
    tuner = make_tuner("tpe", space, seed=seed)
    for turn in range(1, 14):
        try:
            arguments = tuner.ask(None).arguments
        except NoProposal:
            break
        assert space.check(arguments).arguments == arguments
        tuner.tell(trial(turn, arguments, None if turn % 3 == 0 else float(turn)))
