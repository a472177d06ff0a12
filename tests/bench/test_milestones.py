"""Milestones of made-up runs, so that every figure is known."""

import json
from pathlib import Path
from statistics import stdev

import pytest

import codegen_hpo as ch
from codegen_hpo.bench.milestones import Repeat, Repeats, leads, milestones, read_repeats
from codegen_hpo.bench.milestones_page import draw_trajectories, milestone_tables
from codegen_hpo.errors import ConfigError
from codegen_hpo.run import Run


def repeat(*scores: float | None, tuner: str = "tpe", seed: int = 0, **changes: object) -> Repeat:
    plain: dict[str, object] = {
        "task": "digits",
        "tuner": tuner,
        "seed": seed,
        "metric": "val_accuracy",
        "maximize": True,
        "scores": scores,
        "statuses": tuple("nan" if score is None else "ok" for score in scores),
        "best": {"lr": 0.1},
        "seconds": 30.0,
        "ended": "the limit of trials",
        "model": "",
        "requests": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost_usd": 0.0,
        "fallbacks": 0,
    }
    return Repeat(**plain | changes)  # type: ignore[arg-type]


def row(text: str, *begin: str) -> list[str]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return next(line for line in lines if line[: len(begin)] == list(begin))


def test_a_milestone_is_the_mean_over_runs_of_the_best_so_far() -> None:
    found = milestones([repeat(0.5, 0.9, 0.7), repeat(0.6, 0.4, 0.8)], (1, 3))

    assert [point.trials for point in found] == [1, 3]
    assert [point.mean for point in found] == pytest.approx([0.55, 0.85])
    assert found[1].deviation == pytest.approx(stdev([0.9, 0.8]))


def test_where_the_metric_is_minimised_the_lowest_counts() -> None:
    (found,) = milestones([repeat(3.0, 1.0, 2.0, maximize=False)], (3,))

    assert (found.mean, found.deviation) == (1.0, None)


def test_a_run_without_a_value_yet_is_left_out_of_the_mean_and_told() -> None:
    first, second = milestones([repeat(None, 0.5), repeat(0.7, 0.9)], (1, 2))

    assert (first.mean, first.having, first.of) == (0.7, 1, 2)
    assert second.mean == pytest.approx(0.7)
    assert "0.7 (1 of 2)" in milestone_tables(Repeats(repeats=(repeat(None, 0.5), repeat(0.7, 0.9))))


def test_a_search_that_ended_early_keeps_its_best_and_one_that_was_stopped_has_none() -> None:
    ended, stopped = repeat(0.5, 0.6), repeat(0.5, 0.6, ended="")

    assert ended.after(10) == 0.6
    assert stopped.after(2) == 0.6
    assert stopped.after(10) is None


def test_the_lead_over_random_is_above_zero_where_the_tuner_is_better_whatever_the_direction() -> None:
    higher = leads([repeat(0.9)], [repeat(0.7)], (1,))
    lower = leads([repeat(0.7, maximize=False)], [repeat(0.9, maximize=False)], (1,))

    assert [lead.mean for lead in higher + lower] == pytest.approx([0.2, 0.2])


def test_there_is_no_lead_where_a_run_has_no_value_yet() -> None:
    some = [repeat(0.9, 0.9), repeat(None, 0.5, seed=1)]
    random = [repeat(0.8, 0.8, tuner="random"), repeat(0.8, 0.8, tuner="random", seed=1)]

    assert [lead.mean for lead in leads(some, random, (1, 2))] == [None, pytest.approx(-0.1)]
    assert leads(random, some, (1,))[0].mean is None


def test_runs_about_different_metrics_are_not_averaged() -> None:
    with pytest.raises(ConfigError, match="f1, r2"):
        milestones([repeat(0.5, metric="f1"), repeat(0.5, metric="r2")])


def test_the_tables_hold_each_tuner_against_random() -> None:
    text = milestone_tables(Repeats(repeats=(repeat(0.9, None), repeat(0.7, 0.8, tuner="random"))))

    assert row(text, "digits", "val_accuracy", "random")[3:] == ["0.7", "0.8", "1", "0 of 2", "30"]
    assert row(text, "digits", "val_accuracy", "tpe")[3:] == ["0.9", "0.9", "1", "1 of 2 (1 nan)", "30"]
    assert row(text, "digits", "tpe") == ["digits", "tpe", "+0.2", "+0.1"]
    assert "Tokens" not in text


def test_tokens_and_cost_are_means_of_a_run_and_an_unknown_price_is_no_zero() -> None:
    asked = {"tuner": "agenthpo", "model": "gpt", "requests": 10}
    one = repeat(0.9, prompt_tokens=1000, completion_tokens=100, cost_usd=0.5, **asked)
    two = repeat(0.9, prompt_tokens=3000, completion_tokens=300, cost_usd=1.0, seed=1, **asked)
    dear = milestone_tables(Repeats(repeats=(one, two)))
    unknown = milestone_tables(Repeats(repeats=(one, repeat(0.9, cost_usd=None, **asked))))

    assert row(dear, "digits", "agenthpo (gpt)")[2:-1] == ["10", "2000", "200", "2200", "0.7500"]
    assert row(unknown, "digits", "agenthpo (gpt)")[-2] == "unknown"


def test_the_figures_come_back_from_json() -> None:
    repeats = Repeats(repeats=(repeat(0.5, None), repeat(0.5, tuner="random")))

    assert Repeats.from_json(json.loads(json.dumps(repeats.to_json()))) == repeats


def test_the_trajectories_are_drawn_a_panel_a_task(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    runs = [
        repeat(*[0.1 * n for n in range(10)], task=task, tuner=tuner)
        for task in ("a", "b", "c", "d", "e")
        for tuner in ("random", "tpe")
    ]
    drawn = draw_trajectories(
        Repeats(repeats=(*runs, repeat(None, None, task="a", tuner="gp"))), tmp_path / "t.png"
    )

    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_recorded_runs_are_read_with_their_failed_trials(tmp_path: Path) -> None:
    def objective(arguments: dict[str, object]) -> float:
        return float("nan") if arguments["x"] == 1 else float(arguments["x"])  # type: ignore[arg-type]

    for seed in (0, 1):
        ch.minimize(
            objective,
            {"x": ch.Choice((1, 2, 3))},
            tuner="random",
            trials=3,
            seed=seed,
            metric="loss",
            start=[{"x": 1}, {"x": 3}, {"x": 2}],
            run=tmp_path / str(seed),
        )
    repeats = read_repeats([Run.open(tmp_path / str(seed)) for seed in (0, 1)], "toy")

    assert [(r.seed, r.tuner, r.scores, r.statuses) for r in repeats.repeats] == [
        (seed, "random", (None, 3.0, 2.0), ("nan", "ok", "ok")) for seed in (0, 1)
    ]
    assert [point.mean for point in milestones(repeats.repeats, (1, 2, 3))] == [None, 3.0, 2.0]
    assert repeats.repeats[0].best == {"x": 2}


def test_the_run_of_a_table_has_no_milestones(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "events.jsonl").touch()
    with pytest.raises(ConfigError, match="not the run of a script"):
        read_repeats([Run.open(folder)], "toy")
