"""Metrics, computed where the labels are."""

import numpy as np
import pytest
from sklearn import metrics

from codegen_hpo.scoring.metrics import score
from codegen_hpo.task import METRICS

Y = np.array([1.0, 2.0, 3.0, 4.0])
CODES = np.array([0, 1, 1, 0, 1])
TWO = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]])
THREE = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3]])
MANY = np.array([0, 1, 2, 2, 1])


@pytest.mark.parametrize(
    ("name", "y", "prediction", "expected"),
    [
        ("rmse", Y, Y + 2, 2.0),
        ("mae", Y, Y + np.array([1, -1, 1, -1]), 1.0),
        ("r2", Y, np.full(4, Y.mean()), 0.0),
        ("rmsle", Y, Y, 0.0),
        ("rmsle", np.zeros(2), np.array([-5.0, -0.5]), 0.0),
        ("accuracy", CODES, TWO, 0.6),
        ("balanced_accuracy", CODES, TWO, (1 / 2 + 2 / 3) / 2),
        ("f1", CODES, TWO, metrics.f1_score(CODES, [0, 1, 1, 1, 0])),
        ("f1", MANY, THREE, metrics.f1_score(MANY, [0, 1, 1, 2, 1], average="macro")),
        ("log_loss", CODES, TWO, -np.mean(np.log([0.9, 0.6, 0.7, 0.2, 0.4]))),
        ("roc_auc", CODES, TWO, metrics.roc_auc_score(CODES, TWO[:, 1])),
        ("roc_auc", MANY, THREE, metrics.roc_auc_score(MANY, THREE, multi_class="ovr")),
        ("average_precision", CODES, TWO, metrics.average_precision_score(CODES, TWO[:, 1])),
    ],
)
def test_each_metric_is_the_known_one(
    name: str, y: np.ndarray, prediction: np.ndarray, expected: float
) -> None:
    assert score(METRICS[name], y, prediction) == pytest.approx(expected)


@pytest.mark.parametrize("name", list(METRICS))
def test_predictions_that_are_not_finite_have_no_score(name: str) -> None:
    metric = METRICS[name]
    regression = metric.needs == "value"
    prediction = np.array([1.0, np.nan, 2.0, 3.0]) if regression else np.full((5, 2), np.inf)
    assert score(metric, Y if regression else CODES, prediction) is None


def test_better_predictions_have_a_lower_loss_whatever_the_direction() -> None:
    for metric in METRICS.values():
        if metric.needs == "value":
            good, bad, y = Y + 0.1, Y + 3, Y
        else:
            good, bad, y = np.eye(2)[CODES] * 0.8 + 0.1, np.eye(2)[1 - CODES] * 0.8 + 0.1, CODES
        assert metric.loss(score(metric, y, good)) < metric.loss(score(metric, y, bad)), metric.name


def test_a_class_without_rows_does_not_spoil_the_score() -> None:
    y = np.array([0, 1, 0, 1, 1])
    for name in ("log_loss", "roc_auc", "accuracy", "balanced_accuracy", "f1"):
        assert score(METRICS[name], y, THREE) is not None
    assert score(METRICS["roc_auc"], np.zeros(5, dtype=np.int64), TWO) is None


def test_a_prediction_that_overflows_has_no_score() -> None:
    assert score(METRICS["rmse"], Y, np.full(4, 1e300)) is None
