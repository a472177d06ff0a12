"""When the search ends."""

import pytest

from codegen_hpo.engine.limits import Spent, check_budget, since_best
from codegen_hpo.engine.settings import Budget
from codegen_hpo.records import Call, Outcome, Trial


def trial(number: int, loss: float | None, seconds: float = 10.0) -> Trial:
    return Trial(
        number=number,
        candidate="c01",
        code_hash="",
        call=Call(arguments={}, proposed_by="tpe"),
        outcome=Outcome(status="oom" if loss is None else "ok", seconds=seconds),
        score=loss,
        loss=loss,
        seed=0,
    )


def test_a_budget_without_limits_never_ends() -> None:
    check_budget(Budget(trials=None), 1e9, [trial(n, 1.0) for n in range(1, 100)])


@pytest.mark.parametrize(
    ("budget", "elapsed_s", "reason"),
    [
        (Budget(trials=2), 0.0, "2 trials are done"),
        (Budget(seconds=30), 31.0, "31 s of 30 s are spent"),
        (Budget(seconds=30), 26.0, "4 s left are too few for a trial, which takes 10 s"),
        (Budget(patience=1), 0.0, "no improvement in 1 trials"),
    ],
)
def test_each_limit_says_what_was_spent(budget: Budget, elapsed_s: float, reason: str) -> None:
    with pytest.raises(Spent, match=reason):
        check_budget(budget, elapsed_s, [trial(1, 1.0), trial(2, 2.0)])


def test_half_a_usual_trial_is_still_worth_starting() -> None:
    check_budget(Budget(seconds=30, trials=None), 24.0, [trial(1, 1.0), trial(2, None, seconds=0.1)])


def test_the_time_that_is_kept_is_not_the_searchs() -> None:
    budget, trials = Budget(seconds=60, trials=None), [trial(1, 1.0), trial(2, 2.0)]
    check_budget(budget, 40.0, trials)
    with pytest.raises(Spent, match=r"the 20 s left are too few .*, beside 18 s for what follows the search"):
        check_budget(budget, 40.0, trials, kept_s=18.0)


@pytest.mark.parametrize(("seconds", "trial_s"), [(None, 300.0), (60.0, 20.0), (3600.0, 300.0)])
def test_no_trial_takes_more_than_a_third_of_the_time_by_itself(
    seconds: float | None, trial_s: float
) -> None:
    assert Budget(seconds=seconds).usual_trial_s == trial_s


def test_failed_trials_do_not_improve_on_the_best() -> None:
    assert since_best([trial(1, 2.0), trial(2, 1.0), trial(3, None), trial(4, 1.5)]) == 2
    assert since_best([]) == 0
