"""Computes a metric from predictions, where the labels are."""

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from codegen_hpo.task import Metric


def score(metric: Metric, y_true: NDArray[np.generic], prediction: NDArray[np.float64]) -> float | None:
    """The metric's value, or None when the predictions give no finite one.

    Args:
        metric: What to compute.
        y_true: (rows,) float64 values, or int64 class codes.
        prediction: (rows,) values for regression, else (rows, n_classes) probabilities. Classes are the most
            probable ones; of two, the second sorted label is the positive one (f1, average_precision).
    """
    if not len(y_true) or not np.isfinite(prediction).all():
        return None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if metric.needs == "value":
            value: float | None = _of_values(metric.name, y_true.astype(np.float64), prediction)
        elif metric.needs == "class":
            value = _of_classes(metric.name, y_true, prediction)
        else:
            value = _of_probabilities(metric.name, y_true, prediction)
    return float(value) if value is not None and np.isfinite(value) else None


def _of_values(name: str, y_true: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    if name == "r2":
        return float(metrics.r2_score(y_true, y))
    if name == "mae":
        return float(metrics.mean_absolute_error(y_true, y))
    if name == "rmsle":
        # a prediction below zero counts as zero, as far as the target itself is not below
        floor = min(0.0, float(y_true.min()))
        return float(np.sqrt(np.mean((np.log1p(np.maximum(y, floor)) - np.log1p(y_true)) ** 2)))
    return float(metrics.root_mean_squared_error(y_true, y))


def _of_classes(name: str, y_true: NDArray[np.generic], probabilities: NDArray[np.float64]) -> float:
    y = probabilities.argmax(axis=1)
    if name == "accuracy":
        return float(metrics.accuracy_score(y_true, y))
    if name == "balanced_accuracy":
        present = np.unique(y_true)
        return float(metrics.recall_score(y_true, y, labels=present, average="macro", zero_division=0))
    if probabilities.shape[1] == 2:
        return float(metrics.f1_score(y_true, y, pos_label=1, zero_division=0))
    return float(metrics.f1_score(y_true, y, average="macro", zero_division=0))


def _of_probabilities(
    name: str, y_true: NDArray[np.generic], probabilities: NDArray[np.float64]
) -> float | None:
    if name == "log_loss":
        return float(metrics.log_loss(y_true, probabilities, labels=np.arange(probabilities.shape[1])))
    present = np.unique(y_true)
    if len(present) < 2:
        return None
    if name == "average_precision":
        return float(metrics.average_precision_score(y_true, probabilities[:, 1]))
    if probabilities.shape[1] == 2:
        return float(metrics.roc_auc_score(y_true, probabilities[:, 1]))
    # one against the rest, over the classes that are there: a class without rows has no curve
    areas = [metrics.roc_auc_score(y_true == code, probabilities[:, code]) for code in present]
    return float(np.mean(areas))
