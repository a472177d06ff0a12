"""Series out of rows: which, how many points, counted by what."""

import math

import pytest

from codegen_hpo.objective.results.rows import Row
from codegen_hpo.objective.trajectory import trajectory


def test_the_metric_comes_first_and_steps_are_no_series() -> None:
    rows: list[Row] = [{"Epoch": 1, "lr": 0.5, "loss": 3, "note": "a"}, {"Epoch": 3, "lr": 0.25, "loss": 2}]
    assert trajectory(rows, "loss", maximize=False) == (
        ("loss", (1.0, 3.0), (3.0, 2.0)),
        ("lr", (1.0, 3.0), (0.5, 0.25)),
    )


def test_each_series_counts_by_a_column_that_rises_in_its_rows() -> None:
    rows: list[Row] = [
        {"epoch": 0, "step": 1, "train": 3},
        {"epoch": 0, "step": 2, "train": 2},
        {"epoch": 0, "step": 2, "loss": 4},
        {"epoch": 1, "step": 3, "train": 1},
        {"epoch": 1, "step": 3, "loss": 3},
    ]
    loss, train = trajectory(rows, "loss", maximize=False)
    assert (loss.steps, train.steps) == ((0.0, 1.0), (1.0, 2.0, 3.0))


@pytest.mark.parametrize("steps", [(None, None), (2, 1), (1, 1), (1, math.nan), (True, 2)])
def test_rows_that_count_by_nothing_that_rises_are_numbered(steps: tuple[object, object]) -> None:
    rows: list[Row] = [{"step": step, "loss": 1.0} for step in steps]
    assert trajectory(rows, "loss", maximize=False)[0].steps == (1.0, 2.0)


def test_a_value_that_is_not_finite_is_nan() -> None:
    (series,) = trajectory([{"loss": None}, {"loss": math.inf}, {"loss": 10**400}], "loss", maximize=False)
    assert all(map(math.isnan, series.values))


@pytest.mark.parametrize(("maximize", "best"), [(False, -7.0), (True, 7.0)])
def test_a_long_series_keeps_its_first_last_and_best_point(maximize: bool, best: float) -> None:
    rows: list[Row] = [{"loss": 1.0, "other": 1.0} for _ in range(10_000)]
    rows[4321]["loss"], rows[5678]["loss"] = -7.0, 7.0
    loss, other = trajectory(rows, "loss", maximize=maximize)
    assert len(loss.steps) <= 200
    assert len(other.steps) <= 200
    assert best in loss.values
    assert (loss.steps[0], loss.steps[-1]) == (1.0, 10_000.0)
    assert list(loss.steps) == sorted(loss.steps)
    gaps = [b - a for a, b in zip(loss.steps, loss.steps[1:], strict=False)]
    assert max(gaps) < 60


def test_of_many_names_twenty_are_kept_and_the_metric_among_them() -> None:
    series = trajectory([{f"n{i}": i for i in range(500)} | {"loss": 1}], "loss", maximize=False)
    assert len(series) == 20
    assert series[0].name == "loss"


def test_names_are_plain_and_short() -> None:
    hostile = "a\x1b[31m\nb\u202e" + "x" * 5000
    (series,) = trajectory([{hostile: 1}], "loss", maximize=False)
    assert series.name.isprintable()
    assert len(series.name) < 100
