"""Standard errors that are known by other means."""

import numpy as np
import pytest

from codegen_hpo.scoring import noise as module
from codegen_hpo.scoring.noise import noise
from codegen_hpo.task import METRICS


def test_the_error_of_an_accuracy_is_that_of_a_share() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 2, 2000)
    right = generator.random(2000) < 0.8
    told = np.where(right, y, 1 - y)
    found = noise(METRICS["accuracy"], y, np.eye(2)[told][None], rows=2000, seed=0)
    assert found.errors[0] == pytest.approx(np.sqrt(0.8 * 0.2 / 2000), rel=0.15)


@pytest.mark.parametrize("name", ["mae", "roc_auc"])
def test_a_part_of_many_rows_gives_the_error_of_them_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    y = generator.integers(0, 2, 4000)
    told = y + generator.normal(size=4000)
    predictions = np.stack([1 - told, told], axis=1)[None] if name == "roc_auc" else told[None]
    whole = noise(METRICS[name], y, predictions, rows=4000, seed=0).errors[0]
    monkeypatch.setattr(module, "_CELLS", 400)
    monkeypatch.setattr(module, "_SORTED_CELLS", 800)
    assert noise(METRICS[name], y, predictions, rows=4000, seed=0).errors[0] == pytest.approx(whole, rel=0.2)


def test_models_are_compared_on_the_same_rows() -> None:
    generator = np.random.default_rng(2)
    y = generator.normal(size=500)
    shared = y + generator.normal(size=500)
    noisy = shared + generator.normal(scale=0.01, size=500)
    found = noise(METRICS["rmse"], y, np.stack([shared, noisy]), rows=500, seed=0)
    assert found.errors[0] > 10 * found.differences[1] > 0
    assert found.differences[0] == 0


def test_a_part_of_the_rows_tells_of_the_noise_on_all() -> None:
    y, told = np.random.default_rng(4).normal(size=(2, 1000))
    half = noise(METRICS["mae"], y[:500], told[None, :500], rows=1000, seed=0).errors[0]
    assert half == pytest.approx(noise(METRICS["mae"], y, told[None], rows=1000, seed=0).errors[0], rel=0.2)


def test_the_same_seed_gives_the_same_noise() -> None:
    generator = np.random.default_rng(3)
    y, told = generator.normal(size=(2, 100))
    first, second = (noise(METRICS["mae"], y, told[None], rows=100, seed=5).errors for _ in range(2))
    assert first == second


def test_a_metric_without_a_value_has_no_noise() -> None:
    found = noise(METRICS["roc_auc"], np.zeros(20, np.int64), np.full((2, 20, 2), 0.5), rows=20, seed=0)
    assert np.isnan(found.errors).all()
    assert np.isnan(found.differences).all()
