"""Greedy selection finds what averages well."""

import numpy as np
import pytest

from codegen_hpo.scoring import ensemble
from codegen_hpo.scoring.ensemble import average, searched_rows, select
from codegen_hpo.scoring.many import losses
from codegen_hpo.task import METRICS


def library(models: int, rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and models of falling quality whose errors are independent."""
    generator = np.random.default_rng(seed)
    y = generator.normal(size=rows)
    scales = np.linspace(0.5, 1.5, models)[:, None]
    return y, y + scales * generator.normal(size=(models, rows))


def loss(name: str, y: np.ndarray, predictions: np.ndarray) -> float:
    return float(losses(METRICS[name], y, predictions[None])[0])


def test_members_whose_errors_are_independent_beat_the_best_one() -> None:
    y, models = library(12)
    weights = select(METRICS["rmse"], y, models, most=8, seed=0)
    assert 2 <= len(weights) <= 8
    assert sum(weights.values()) == pytest.approx(1)
    assert list(weights.values()) == sorted(weights.values(), reverse=True)
    mean = average([models[member] for member in weights], list(weights.values()))
    assert loss("rmse", y, mean) < 0.8 * losses(METRICS["rmse"], y, models).min()


def test_of_many_members_the_heaviest_are_kept() -> None:
    y, models = library(30)
    assert len(select(METRICS["rmse"], y, models, most=3, seed=0)) == 3
    assert list(select(METRICS["rmse"], y, models, most=1, seed=0).values()) == [1.0]


def test_probabilities_are_averaged() -> None:
    y, values = library(16)
    truth = (y > 0).astype(np.int64)
    positive = 1 / (1 + np.exp(-2 * values))
    models = np.stack([1 - positive, positive], axis=2)
    weights = select(METRICS["log_loss"], truth, models, most=8, seed=0)
    mean = average([models[member] for member in weights], list(weights.values()))
    assert mean.sum(axis=1) == pytest.approx(1)
    assert loss("log_loss", truth, mean) < losses(METRICS["log_loss"], truth, models).min()


def test_the_seed_decides_the_bags_and_nothing_else_does() -> None:
    y, models = library(10)
    assert select(METRICS["rmse"], y, models, most=8, seed=1) == select(
        METRICS["rmse"], y, models, most=8, seed=1
    )


@pytest.mark.parametrize("models", [1, 2])
def test_a_library_of_one_or_two_is_searched_as_well(models: int) -> None:
    y, values = library(models)
    assert set(select(METRICS["rmse"], y, values, most=8, seed=0)) <= set(range(models))


def test_a_model_without_a_finite_loss_is_never_a_member() -> None:
    y, models = library(4)
    models[1, 0] = np.inf
    assert 1 not in select(METRICS["rmse"], y, models, most=8, seed=0)


def test_of_many_rows_a_part_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "_CELLS", 1000)
    assert len(searched_rows(METRICS["rmse"], 10, 90, 1, seed=0)) == 90
    rows = searched_rows(METRICS["log_loss"], 10, 5000, 4, seed=0)
    assert len(rows) == 25
    assert (np.diff(rows) > 0).all()
