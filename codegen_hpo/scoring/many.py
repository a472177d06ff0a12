"""The metric of many predictions of the same rows at once: for searches that score thousands of them.

`metrics.score` is what a result is told by. These agree with it (tests/scoring/test_many.py) and cost a
tenth, for the rows are checked once and whole arrays are computed on.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.task import Metric

Floats = NDArray[np.float64]
_TINY = float(np.finfo(np.float64).eps)

SORTING = ("roc_auc", "average_precision")  # they sort the rows of every prediction


def losses(metric: Metric, y_true: NDArray[Any], predictions: Floats) -> Floats:
    """(n,) float64: the metric of each prediction, signed so that lower is better; inf where it has none.

    Args:
        metric: What to compute.
        y_true: (rows,) float64 values, or int64 class codes.
        predictions: (n, rows) values for regression, else (n, rows, n_classes) probabilities.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class that is not there has an empty mean
        values = _SCORES[metric.name](y_true, predictions)
    found: Floats = -values if metric.higher_is_better else values
    return np.where(np.isfinite(found), found, np.inf)


def _rmse(y_true: NDArray[Any], values: Floats) -> Floats:
    return np.sqrt(_square(values - y_true))


def _r2(y_true: NDArray[Any], values: Floats) -> Floats:
    return 1 - _square(values - y_true) / np.var(y_true.astype(np.float64))


def _mae(y_true: NDArray[Any], values: Floats) -> Floats:
    return np.asarray(np.abs(values - y_true).mean(axis=1))


def _rmsle(y_true: NDArray[Any], values: Floats) -> Floats:
    known = y_true.astype(np.float64)
    floor = min(0.0, float(known.min()))  # as in `metrics`
    return np.sqrt(_square(np.log1p(np.maximum(values, floor)) - np.log1p(known)))


def _square(differences: Floats) -> Floats:
    """(n,) means of squares."""
    return np.asarray(np.einsum("nr,nr->n", differences, differences) / differences.shape[1])


def _log_loss(y_true: NDArray[Any], probabilities: Floats) -> Floats:
    of_truth = probabilities[:, np.arange(len(y_true)), y_true.astype(np.int64)]
    of_truth = of_truth / np.einsum("nrk->nr", probabilities)  # half the time of sum(axis=2)
    return np.asarray(-np.log(np.clip(of_truth, _TINY, 1 - _TINY)).mean(axis=1))


def _accuracy(y_true: NDArray[Any], probabilities: Floats) -> Floats:
    return np.asarray((probabilities.argmax(axis=2) == y_true).mean(axis=1))


def _balanced_accuracy(y_true: NDArray[Any], probabilities: Floats) -> Floats:
    right = probabilities.argmax(axis=2) == y_true
    recalls = [right[:, y_true == code].mean(axis=1) for code in np.unique(y_true)]
    return np.asarray(np.mean(recalls, axis=0))


def _f1(y_true: NDArray[Any], probabilities: Floats) -> Floats:
    y, classes = probabilities.argmax(axis=2), probabilities.shape[2]
    if classes == 2:
        return np.nan_to_num(_f1_of(y_true == 1, y == 1))
    # the mean over the classes that are told or true: of the others, 0 / 0 is left out
    return np.asarray(np.nanmean([_f1_of(y_true == code, y == code) for code in range(classes)], axis=0))


def _f1_of(true: NDArray[np.bool_], told: NDArray[np.bool_]) -> Floats:
    """(n,) of one class; NaN where it is neither true nor told."""
    return np.asarray(2 * (told & true).sum(axis=1) / (told.sum(axis=1) + true.sum()))


def _roc_auc(y_true: NDArray[Any], probabilities: Floats) -> Floats:
    present = np.unique(y_true)
    if len(present) < 2:
        return np.full(len(probabilities), np.nan)
    codes = [1] if probabilities.shape[2] == 2 else present
    return np.array(
        [np.mean([_area(y_true == code, one[:, code]) for code in codes]) for one in probabilities]
    )


def _average_precision(y_true: NDArray[Any], probabilities: Floats) -> Floats:
    return np.array([_precision(y_true == 1, one[:, 1]) for one in probabilities])


def _area(true: NDArray[np.bool_], told: Floats) -> float:
    """Under the receiver's curve: the trapezoids between its distinct thresholds."""
    hits, misses = _curve(true, told)
    area = np.sum(np.diff(misses, prepend=0) * (hits + np.concatenate([[0], hits[:-1]])) / 2)
    return float(area / (hits[-1] * misses[-1]))


def _precision(true: NDArray[np.bool_], told: Floats) -> float:
    hits, misses = _curve(true, told)
    return float(np.sum(np.diff(hits, prepend=0) * hits / (hits + misses)) / hits[-1])


def _curve(true: NDArray[np.bool_], told: Floats) -> tuple[Floats, Floats]:
    """(thresholds,) true and false rows at or above each distinct value, from the highest on."""
    order = np.argsort(-told)
    ordered = told[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    hits = np.cumsum(true[order], dtype=np.float64)[ends]
    return hits, ends + 1 - hits


_SCORES: dict[str, Callable[[NDArray[Any], Floats], Floats]] = {
    "rmse": _rmse,
    "r2": _r2,
    "mae": _mae,
    "rmsle": _rmsle,
    "log_loss": _log_loss,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
}
