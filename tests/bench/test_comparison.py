"""The table that a comparison comes to."""

from dataclasses import replace
from pathlib import Path

import pytest

from codegen_hpo.bench.comparison import Comparison, Result
from codegen_hpo.task import METRICS


def result(tuner: str, seed: int, validation: float | None, test: float | None = None) -> Result:
    return Result(
        tuner=tuner,
        seed=seed,
        run=f"{tuner}/{seed}",
        validation=validation,
        test=test,
        trials=10,
        failed=1 if validation is None else 0,
        seconds=2.0 + seed,
        tokens=100 * seed,
    )


def comparison(results: list[Result], metric: str = "rmse") -> Comparison:
    seeds = 1 + max(result.seed for result in results)
    return Comparison(folder=Path("x"), metric=METRICS[metric], seeds=seeds, results=tuple(results))


def test_each_row_holds_means_over_the_seeds_and_the_best_rank_comes_first() -> None:
    scores = {"tpe": (3.0, 1.0), "random": (4.0, 2.0)}
    rows = comparison([result(t, s, scores[t][s], 5.0) for t in scores for s in (0, 1)]).rows()
    assert [row.tuner for row in rows] == ["tpe", "random"]
    assert [row.rank for row in rows] == [1.0, 2.0]
    best = rows[0]
    assert best.validation is not None
    assert best.validation.value == 2.0
    assert best.validation.interval.low <= 2.0 <= best.validation.interval.high
    assert (best.trials, best.failed, best.seconds, best.tokens) == (20, 0, 2.5, 50.0)


def test_a_higher_score_ranks_first_where_higher_is_better() -> None:
    rows = comparison([result("tpe", 0, 0.7), result("random", 0, 0.8)], "roc_auc").rows()
    assert [row.tuner for row in rows] == ["random", "tpe"]


def test_the_reference_is_random_wherever_it_stands_and_else_the_first() -> None:
    assert comparison([result("tpe", 0, 1.0), result("random", 0, 2.0)]).reference == "random"
    assert comparison([result("tpe", 0, 1.0), result("gp", 0, 2.0)]).reference == "tpe"


def test_the_p_value_pairs_the_seeds_whatever_the_order_of_the_results() -> None:
    results = [result("random", seed, 10.0 + seed, 1.0) for seed in range(6)]
    results += [result("tpe", seed, 9.0 + 0.9 * seed, 1.0) for seed in reversed(range(6))]
    rows = {row.tuner: row for row in comparison(results).rows()}
    assert rows["tpe"].p_validation == pytest.approx(2 / 2**6)
    assert rows["tpe"].p_test is None  # no pair differs
    assert rows["random"].p_validation is None


def test_a_seed_without_a_model_is_in_no_mean_and_ranks_last_in_the_paired_test_too() -> None:
    results = [result("random", seed, 5.0 + seed, 5.0) for seed in range(5)]
    results += [result("tpe", seed, *((1.0, 1.0) if seed == 4 else (None, None))) for seed in range(5)]
    rows = {row.tuner: row for row in comparison(results).rows()}
    assert rows["tpe"].rank == 1.8
    assert rows["tpe"].validation is not None
    assert (rows["tpe"].validation.value, rows["tpe"].validation.seeds) == (1.0, 1)
    assert (rows["tpe"].pairs, rows["random"].pairs) == (5, 0)
    assert rows["tpe"].p_validation == rows["tpe"].p_test == 2 * 2 / 2**5  # the one pair won is the closest
    worst = [replace(r, validation=99.0 if r.validation is None else r.validation) for r in results]
    assert rows["tpe"].p_validation == comparison(worst).rows()[1].p_validation


def test_a_test_score_that_is_not_defined_is_no_failure() -> None:
    results = [result("random", seed, 5.0, 5.0) for seed in range(3)]
    results += [result("tpe", seed, 4.0, None) for seed in range(3)]
    row = comparison(results).rows()[0]
    assert (row.tuner, row.p_validation, row.test, row.p_test) == ("tpe", 2 / 2**3, None, None)


def test_seeds_in_which_both_failed_are_no_pair() -> None:
    results = [result("random", seed, 5.0 if seed else None) for seed in range(4)]
    results += [result("tpe", seed, 4.0 - seed if seed else None) for seed in range(4)]
    row = comparison(results).rows()[0]
    assert (row.tuner, row.pairs, row.p_validation) == ("tpe", 3, 2 / 2**3)


def test_the_turns_that_another_tuner_took_are_counted() -> None:
    rows = comparison(
        [replace(result("centaur", seed, 1.0), model_turns=3, fallbacks=seed) for seed in (0, 1)]
    ).rows()
    assert (rows[0].model_turns, rows[0].fallbacks) == (6, 1)


def test_its_json_holds_every_run_and_every_row() -> None:
    told = comparison([result("tpe", 0, 3.0), result("random", 0, 4.0)]).to_json()
    assert told["reference"] == "random"
    assert told["rows"][0]["validation"] == {"mean": 3.0, "interval": [3.0, 3.0], "seeds": 1}
    assert [entry["run"] for entry in told["results"]] == ["tpe/0", "random/0"]
