import logging
import math

import numpy as np
import pytest

from codegen_hpo.agenthpo import importance
from codegen_hpo.agenthpo.importance import ENOUGH, Importances, Influence, importances
from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Choice, Float, Int, Scalar, Space
from codegen_hpo.tuner.points import draw

SPACE = Space(
    {
        "dropout": Float(0.0, 0.5, default=0.1),
        "lr": Float(1e-5, 1e-1, log=True, default=1e-3),
        "optimizer": Choice(("adam", "sgd")),
        "odd": Choice((1, True)),
        "layers": Int(3, 3),
    }
)


def trial(number: int, arguments: dict[str, Scalar], loss: float | None) -> Trial:
    call = Call(arguments=arguments, proposed_by="random")
    outcome = Outcome(status="nan" if loss is None else "ok")
    return Trial(number=number, call=call, outcome=outcome, score=loss, loss=loss)


def search(count: int, *, failing: float = 1.0) -> list[Trial]:
    """Random trials whose loss is the distance of the rate from 1e-3; rates above `failing` fail."""
    generator = np.random.default_rng(1)
    points = [draw(SPACE, generator) for _ in range(count)]
    return [
        trial(n, p, None if float(p["lr"]) > failing else abs(math.log10(float(p["lr"])) + 3))
        for n, p in enumerate(points, 1)
    ]


def influence(found: Importances, name: str) -> Influence:
    return next(each for each in found.influences if each.name == name)


def test_what_decides_the_loss_has_the_largest_share() -> None:
    found = importances(SPACE, search(30))
    assert (found.scored, found.failed, found.reason) == (30, 0, "")
    assert found.influences[0].name == "lr"
    shares = {influence.name: influence.share for influence in found.influences}
    assert shares["lr"] is not None
    assert shares["lr"] > 0.6
    assert sum(share or 0.0 for share in shares.values()) == pytest.approx(1.0, abs=0.05)


def test_the_same_trials_give_the_same_shares() -> None:
    assert importances(SPACE, search(12)) == importances(SPACE, search(12))


def test_a_value_that_never_changed_has_no_share() -> None:
    layers = influence(importances(SPACE, search(12)), "layers")
    assert layers.share is None
    assert layers.fact == "always 3 (12 times), so nothing is known of it"
    assert layers.failures == ""


def test_few_trials_give_no_number_and_say_so() -> None:
    found = importances(SPACE, search(ENOUGH - 1))
    assert found.reason == "9 trials have a value, too few to tell: 10 are needed"
    assert {influence.share for influence in found.influences} == {None}
    assert "the best third (3 of 9)" in influence(found, "lr").fact
    assert influence(importances(SPACE, search(2)), "lr").fact == "too few to tell: 2 trials have a value"
    assert importances(SPACE, search(1)).reason == "1 trial has a value, too few to tell: 10 are needed"
    assert influence(importances(SPACE, []), "lr").fact == "no trial has a value"


def test_more_hyperparameters_that_varied_need_more_trials() -> None:
    space = Space({f"h{n}": Float(0.0, 1.0) for n in range(14)} | {"layers": Int(3, 3)})
    generator = np.random.default_rng(2)
    trials = [trial(n, draw(space, generator), float(n)) for n in range(1, 15)]
    assert importances(space, trials[:13]).reason == "13 trials have a value, too few to tell: 14 are needed"
    assert importances(space, trials).reason == ""


def test_of_many_trials_a_bounded_number_from_the_best_to_the_worst_is_computed_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importance, "MOST", 20)
    found = importances(SPACE, search(50))
    assert (found.scored, found.sampled) == (50, 20)
    assert found.influences[0].name == "lr"
    monkeypatch.setattr(importance, "MOST", 50)
    assert importances(SPACE, search(50)).influences != found.influences


def test_equal_values_give_no_number() -> None:
    same = [trial(t.number, dict(t.call.arguments), 0.5) for t in search(12)]
    found = importances(SPACE, same)
    assert found.reason == "all 12 trials have the same value"
    assert influence(found, "lr").fact == "all 12 trials have the same value, so nothing is known of it"


def test_trials_that_are_level_give_no_best_third() -> None:
    losses = [1.0, 1.0, 1.0, 1.0, 2.0, 3.0]
    some = [
        trial(n, SPACE.defaults() | {"dropout": n / 20, "optimizer": "adam" if n % 2 else "sgd"}, loss)
        for n, loss in enumerate(losses, 1)
    ]
    found = importances(SPACE, some)
    assert influence(found, "optimizer").fact == "there is no best third, for trials are level"
    assert influence(found, "dropout").fact.startswith("there is no best third, for trials are level; rank ")


def test_one_huge_loss_does_not_explain_everything() -> None:
    trials = search(24)
    point = dict(trials[0].call.arguments) | {"dropout": 0.5, "lr": 1e-3}
    found = importances(SPACE, [*trials, trial(25, point, 1e9)])
    assert found.influences[0].name == "lr"


def test_a_fact_tells_the_direction_with_the_number_of_trials() -> None:
    rising = [trial(n, SPACE.defaults() | {"dropout": n / 20}, -n) for n in range(1, 10)]
    fact = influence(importances(SPACE, rising), "dropout").fact
    assert fact == (
        "the best third (3 of 9) lies between 0.35 and 0.45, the others between 0.05 and 0.3; "
        "rank correlation of a higher value with a better metric: +1.00 over 9 trials"
    )


def test_a_fact_of_a_choice_counts_its_options() -> None:
    some = [
        trial(n, SPACE.defaults() | {"optimizer": "adam" if n <= 3 else "sgd"}, float(n)) for n in range(1, 7)
    ]
    fact = influence(importances(SPACE, some), "optimizer").fact
    assert fact == "the best third (2 of 6) took adam (2 times); the others sgd (3 times), adam"


def test_failed_trials_are_told_apart() -> None:
    trials = search(20, failing=1e-2)
    failed = [t for t in trials if t.loss is None]
    found = importances(SPACE, trials)
    assert (found.scored, found.failed) == (20 - len(failed), len(failed))
    assert influence(found, "lr").failures.startswith(f"{len(failed)} failed between ")
    assert ": above all others, which end at " in influence(found, "lr").failures
    assert "; the others lie between " in influence(found, "dropout").failures
    sgd = sum(t.call.arguments["optimizer"] == "sgd" for t in failed)
    tried = sum(t.call.arguments["optimizer"] == "sgd" for t in trials)
    assert f"sgd: {sgd} of {tried} failed" in influence(found, "optimizer").failures


def test_options_that_python_takes_for_equal_are_told_apart() -> None:
    found = influence(importances(SPACE, search(20)), "odd")
    assert "true (" in found.fact
    assert "1 (" in found.fact


def test_json_and_back() -> None:
    found = importances(SPACE, search(12, failing=1e-2))
    assert Importances.from_json(found.to_json()) == found


def test_optunas_log_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    level = logging.getLogger("optuna").level
    importances(SPACE, search(10))
    assert logging.getLogger("optuna").level == level
    assert capfd.readouterr().err == ""
