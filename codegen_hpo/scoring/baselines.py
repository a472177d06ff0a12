"""Cheap models that every run is compared with: the mean or majority, a linear one, histogram boosting.

They are fitted on the training and early-stopping rows, with the run's own encoding, on the target as it is.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import OneHotEncoder
from threadpoolctl import threadpool_limits

from codegen_hpo.scoring.metrics import score
from codegen_hpo.table.encoding import Encoded, Encoding
from codegen_hpo.task import Task

LINEAR_ROWS = 200_000  # more add seconds to a linear model, not accuracy
BOOSTING_ROWS = 1_000_000
BOOSTING_CELLS = 50_000_000  # rows times columns
WIDE = 1_000  # columns: above, boosting takes fewer rounds and bins (10,000 columns took 63 s of CPU time)
WIDE_BINS = 32
SMALL_CELLS = 1_000_000  # a table below is fitted on one thread
MOST_BINS = 255  # categories that scikit-learn's histogram boosting takes in one column


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A cheap model's result, in the task's metric."""

    name: str  # says how many rows it was fitted on, if not on all
    seconds: float
    validation_score: float | None
    test_score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    features: Encoded
    y: NDArray[Any]


Predict = Callable[[Encoded], NDArray[np.float64]]


def baselines(task: Task, encoding: Encoding, *, seed: int = 0) -> tuple[Baseline, ...]:
    """The result of each baseline, in the order mean or majority, linear, boosting."""
    parts = {
        name: _Part(features=encoding.transform(task.frame.iloc[rows]), y=task.labels[rows])
        for name, rows in (
            ("fitted", task.split.fitted),
            ("validation", task.split.validation),
            ("test", task.split.test),
        )
    }
    width = sum(encoding.cardinalities) + len(encoding.numeric_names)
    columns = len(encoding.cardinalities) + len(encoding.numeric_names)
    boosting_rows = min(BOOSTING_ROWS, max(2_000, BOOSTING_CELLS // max(1, columns)))
    linear_rows = min(LINEAR_ROWS, max(2_000, 400_000_000 // max(1, width)))
    constant = "mean" if task.kind == "regression" else "majority"

    def run(name: str, rows: int, fit: Callable[[Task, Encoding, _Part, int], Predict]) -> Baseline:
        fitted = _some(parts["fitted"], rows, seed)
        label = name if fitted is parts["fitted"] else f"{name} (on {rows} rows)"
        begin = time.perf_counter()
        # one thread: those of OpenMP spin while they wait, and on a busy machine a fit of 0.3 s took 25 s
        with (
            warnings.catch_warnings(),
            threadpool_limits(1 if len(fitted.y) * columns < SMALL_CELLS else None),
        ):
            warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline may stop short
            predict = fit(task, encoding, fitted, seed)
            scores = [
                score(task.metric, parts[p].y, predict(parts[p].features)) for p in ("validation", "test")
            ]
        seconds = round(time.perf_counter() - begin, 3)
        return Baseline(name=label, seconds=seconds, validation_score=scores[0], test_score=scores[1])

    return (
        run(constant, len(parts["fitted"].y), _constant),
        run("linear", linear_rows, _linear),
        run(_boosting_name(columns), boosting_rows, _boosting),
    )


def _some(part: _Part, rows: int, seed: int) -> _Part:
    if len(part.y) <= rows:
        return part
    picked = np.sort(np.random.default_rng(seed).permutation(len(part.y))[:rows])
    return _Part(features=Encoded(part.features.x_num[picked], part.features.x_cat[picked]), y=part.y[picked])


def _constant(task: Task, encoding: Encoding, part: _Part, seed: int) -> Predict:
    if task.kind == "regression":
        answer: NDArray[np.float64] = np.array(part.y.mean())
    else:
        answer = np.bincount(part.y, minlength=len(task.classes)) / len(part.y)
    return lambda features: np.tile(answer, (len(features.x_num), *([1] * answer.ndim)))


def _linear(task: Task, encoding: Encoding, part: _Part, seed: int) -> Predict:
    one_hot = _one_hot(encoding)
    features = one_hot.fit_transform(_side_by_side(part.features))
    if task.kind == "regression":
        ridge = Ridge(alpha=1.0, solver="lsqr").fit(features, part.y)
        return lambda rows: np.asarray(ridge.predict(one_hot.transform(_side_by_side(rows))))
    logistic = LogisticRegression(max_iter=200, random_state=seed).fit(features, part.y)
    return lambda rows: _all_classes(
        logistic.predict_proba(one_hot.transform(_side_by_side(rows))), logistic.classes_, len(task.classes)
    )


def _rounds(columns: int) -> int:
    return 100 if columns <= WIDE else max(20, 100 * WIDE // columns)


def _boosting_name(columns: int) -> str:
    return "histogram boosting" + (f" ({_rounds(columns)} rounds)" if columns > WIDE else "")


def _boosting(task: Task, encoding: Encoding, part: _Part, seed: int) -> Predict:
    columns = len(encoding.numeric_names) + len(encoding.cardinalities)
    bins = MOST_BINS if columns <= WIDE else WIDE_BINS
    categorical = np.array(
        [False] * len(encoding.numeric_names) + [c <= bins for c in encoding.cardinalities], dtype=bool
    )
    options: dict[str, Any] = {"categorical_features": categorical, "random_state": seed}
    options |= {"max_bins": bins, "max_iter": _rounds(columns)}
    regression = task.kind == "regression"
    model = (HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier)(**options)
    model.fit(_side_by_side(part.features), part.y)
    if regression:
        return lambda rows: np.asarray(model.predict(_side_by_side(rows)), dtype=np.float64)
    return lambda rows: _all_classes(
        model.predict_proba(_side_by_side(rows)), model.classes_, len(task.classes)
    )


def _one_hot(encoding: Encoding) -> ColumnTransformer:
    """Numeric columns as they are, one sparse column a code."""
    numeric = len(encoding.numeric_names)
    codes = [np.arange(cardinality, dtype=np.float64) for cardinality in encoding.cardinalities]
    return ColumnTransformer(
        [
            ("numeric", "passthrough", list(range(numeric))),
            ("codes", OneHotEncoder(categories=codes), list(range(numeric, numeric + len(codes)))),
        ],
        sparse_threshold=1.0,
    )


def _side_by_side(features: Encoded) -> NDArray[np.float64]:
    """(rows, n_numeric + n_categorical) float64. Codes fall with frequency: as numbers, too, they order."""
    return np.concatenate([features.x_num, features.x_cat], axis=1, dtype=np.float64)


def _all_classes(
    probabilities: NDArray[np.float64], known: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """(rows, classes): a class that training lacked has probability 0."""
    every = np.zeros((len(probabilities), classes))
    every[:, known] = probabilities
    return every
