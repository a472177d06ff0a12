"""The sentences on the final model: what it is made of, and what chance explains."""

from dataclasses import replace

import pytest

from codegen_hpo.report.verdict import gap_beyond_chance, more_on, with_noise
from codegen_hpo.store.history import Final

SINGLE = Final(
    trial="t003",
    candidate="c01",
    members={"t003": 1.0},
    validation_score=2.0,
    test_score=2.05,
    noise=0.05,
    test_noise=0.05,
    level=(),
    seeds=1,
    seeds_score=2.0,
    single_validation_score=2.0,
    single_test_score=2.05,
    reason="8 trials are done",
    openings=1,
)


def test_of_one_model_whose_scores_agree_there_is_no_more_to_say() -> None:
    assert more_on(SINGLE) == []


def test_an_ensemble_names_its_members_and_the_best_trial_beside_them() -> None:
    final = replace(SINGLE, members={"t003": 0.75, "t001": 0.25}, validation_score=1.9, test_score=1.95)
    (told,) = more_on(final)
    assert told.startswith("Its members: t003 75 %, t001 25 %.")
    assert told.endswith("t003 of c01: 2 on validation, 2.05 on test.")


def test_the_mean_over_the_seeds_is_told_where_there_are_several() -> None:
    (told,) = more_on(replace(SINGLE, seeds=2, seeds_score=2.123456))
    assert "2.1235 on average over 2 seeds" in told


@pytest.mark.parametrize("test_score", [1.6, 2.4])
def test_a_gap_that_chance_does_not_explain_is_told(test_score: float) -> None:
    final = replace(SINGLE, test_score=test_score)
    (told,) = more_on(final)
    assert "differ by 0.4, more than the 0.13859 within which chance leaves 95 %" in told


@pytest.mark.parametrize("unknown", ["test_score", "noise", "test_noise"])
def test_a_gap_whose_noise_is_unknown_is_not_judged(unknown: str) -> None:
    assert gap_beyond_chance(replace(SINGLE, **{"test_score": 9.0, unknown: None})) is None


def test_the_noise_has_two_digits() -> None:
    assert with_noise(2.26891, 0.021345) == "2.2689 ± 0.021"
    assert with_noise(0.5, None) == "0.5"
