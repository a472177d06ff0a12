"""Random search, TPE and the Gaussian process over a space."""

import logging
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen_hpo.records import Call
from codegen_hpo.space import Arguments, Choice, Float, Int, Space, canonical
from codegen_hpo.testing.tuner_cases import MIXED, bowl, play, told
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.make import make_tuner

SMALL = Space({"depth": Int(1, 3, default=1), "residual": Choice((False, True), default=True)})
LINE = Space({"x": Float(0.0, 1.0, default=0.5)})


def arguments_of(kind: str, seed: int, trials: int) -> list[Arguments]:
    return [trial.call.arguments for trial in play(make_tuner(kind, MIXED, seed=seed), trials)]


def failing_half(arguments: Arguments) -> float | None:
    """Above a half all fails; the best is at a quarter."""
    x = float(arguments["x"])
    return None if x > 0.5 else (x - 0.25) ** 2


def test_another_seed_gives_other_proposals():
    assert arguments_of("tpe", 1, 3) != arguments_of("tpe", 2, 3)


def test_tpe_finds_a_better_point_than_random_search_does_on_average():
    def best(kind: str, seed: int) -> float:
        return min(loss for point in arguments_of(kind, seed, 40) if (loss := bowl(point)) is not None)

    assert mean(best("tpe", seed) for seed in range(4)) < mean(best("random", seed) for seed in range(4))


def test_calls_not_yet_told_are_not_proposed_again():
    tuner = make_tuner("tpe", SMALL, seed=0)
    running: list[Call] = []
    for _ in range(6):
        running.append(tuner.ask(None, running))
    assert len({canonical(call.arguments) for call in running}) == 6


def test_a_large_finite_space_with_a_stubborn_favourite_still_gives_new_points():
    space = Space({"a": Int(0, 99_999, default=0), "b": Choice((False, True))})
    tuner = make_tuner("tpe", space, seed=0)
    for number in range(1, 31):
        tuner.tell(told(number, {"a": number % 3, "b": True}, 0.0))
    assert canonical(tuner.ask(None).arguments) not in {canonical({"a": a, "b": True}) for a in range(3)}


def late_failures(kind: str, trials: int, seeds: int) -> float:
    """The share of failures in the second half of the runs."""
    runs = [play(make_tuner(kind, LINE, seed=s, trials=trials), trials, failing_half) for s in range(seeds)]
    return mean(trial.loss is None for run in runs for trial in run[trials // 2 :])


def test_tpe_keeps_away_from_where_trials_failed_and_random_search_cannot():
    assert late_failures("tpe", 30, 5) < 0.2
    assert late_failures("random", 30, 5) > 0.35


@pytest.mark.slow
def test_the_gaussian_process_keeps_away_from_where_trials_failed():
    assert late_failures("gp", 20, 2) < 0.2


def test_the_gaussian_process_learns_from_few_trials_of_a_small_budget():
    tuner = make_tuner("gp", LINE, seed=0, trials=10)
    for number, x in enumerate((0.1, 0.3, 0.5, 0.7, 0.9), 1):
        tuner.tell(told(number, {"x": x}, (x - 0.4) ** 2))
    assert float(tuner.ask(5).arguments["x"]) == pytest.approx(0.4, abs=0.1)


def test_many_failures_never_make_a_failed_trial_one_of_the_good_ones():
    for seed in range(10):
        tuner = make_tuner("tpe", LINE, seed=seed)
        tuner.tell(told(1, {"x": 0.1}, 1.0))
        for number in range(2, 60):
            tuner.tell(told(number, {"x": 0.9 + number / 1000}, None))
        assert float(tuner.ask(None).arguments["x"]) < 0.5


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


@pytest.mark.parametrize("kind", ["tpe", "cmaes"])
@settings(max_examples=20)
@given(st.dictionaries(st.text("abc", min_size=1), dimensions, min_size=1, max_size=4), st.integers(0, 2**40))
def test_proposals_over_any_space_are_in_range(kind, declared, seed):
    space = Space(declared)
    tuner = make_tuner(kind, space, seed=seed)
    for turn in range(1, 14):
        try:
            arguments = tuner.ask(None).arguments
        except NoProposal:
            break
        assert space.check(arguments).arguments == arguments
        tuner.tell(told(turn, arguments, None if turn % 3 == 0 else float(turn)))
