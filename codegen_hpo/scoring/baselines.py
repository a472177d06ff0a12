"""Cheap models that every run is compared with: the mean or majority, a linear one, histogram boosting.

They are fitted on the training and early-stopping rows of the bundle, on the target as it is; where there are
folds, on those of each fold, and the predictions for the test rows are averaged. Bounds on the rows that they
learn from and are scored on keep them to a few seconds: a million rows by twenty columns took 6 s of CPU time
in all.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from codegen_hpo.bundle import Bundle, array_pieces, picked_rows, row_count, some_rows
from codegen_hpo.scoring.metrics import score
from codegen_hpo.table.encoding import Encoded, Encoding
from codegen_hpo.task import Task

LINEAR_ROWS = 100_000  # more add seconds to a linear model, not accuracy
LINEAR_CELLS = 6_000_000  # rows times columns, times classes
BOOSTING_ROWS = 100_000
BOOSTING_CELLS = 30_000_000  # rows times columns, times classes
SCORED_ROWS = 200_000  # of a part; they stand in a random order, the first ones are as good as any
SCORED_CELLS = 50_000_000  # rows times classes
WIDE = 1_000  # columns: above, boosting takes fewer rounds and bins (10,000 columns took 63 s of CPU time)
WIDE_BINS = 32
MOST_BINS = 255  # categories that scikit-learn's histogram boosting takes in one column

Scores = NDArray[np.float64]
Predict = Callable[[Encoded], Scores]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A cheap model's result, in the task's metric."""

    name: str  # says how many rows it was fitted on, if not on all
    seconds: float
    validation_score: float | None
    test_score: float | None


class _Fitted(NamedTuple):
    """Rows to learn from."""

    features: Encoded
    y: NDArray[Any]


class _Scored(NamedTuple):
    """The first rows of a folder's part to predict."""

    folder: Path
    y: NDArray[Any]


Fit = Callable[[Task, Encoding, _Fitted, int], Predict]


def baselines(
    task: Task, encoding: Encoding, bundles: Sequence[Bundle], test: Path, *, seed: int = 0
) -> tuple[Baseline, ...]:
    """The result of each baseline, in the order mean or majority, linear, boosting.

    Args:
        encoding: of the bundles.
        bundles: written, with training and validation rows; one, or one a fold.
        test: the folder of the test rows' features, in the bundles' order.
    """
    classes = max(1, len(task.classes))
    most = min(SCORED_ROWS, max(2_000, SCORED_CELLS // classes))
    validations = [_Scored(b.folder, task.labels[b.validation_rows[:most]]) for b in bundles]
    labels = np.concatenate([part.y for part in validations])
    tested = _Scored(test, task.labels[bundles[0].test_rows[:most]])
    columns = max(1, len(encoding.cardinalities) + len(encoding.numeric_names))
    outputs = classes if task.kind == "multiclass" else 1
    n_rows = max(map(_fitted_rows, bundles))
    linear_rows = min(LINEAR_ROWS, max(2_000, LINEAR_CELLS // (columns * outputs)))
    boosting_rows = min(BOOSTING_ROWS, max(2_000, BOOSTING_CELLS // (columns * outputs)))

    def result(name: str, fit: Callable[[Bundle], Predict]) -> Baseline:
        begin = time.perf_counter()
        found = []
        # one thread: those of OpenMP spin while they wait, and on a busy machine a fit of 0.3 s took 25 s
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline may stop short
            for bundle, validation in zip(bundles, validations, strict=True):
                predict = fit(bundle)
                found.append([_predicted(predict, part) for part in (validation, tested)])
        left_out, of_test = zip(*found, strict=True)
        return Baseline(
            name=name,
            seconds=round(time.perf_counter() - begin, 3),
            validation_score=score(task.metric, labels, np.concatenate(left_out)),
            test_score=score(task.metric, tested.y, np.mean(of_test, axis=0)),
        )

    def learnt(fit: Fit, rows: int) -> Callable[[Bundle], Predict]:
        def one(bundle: Bundle) -> Predict:
            part = _fitted(bundle, rows, seed)
            if task.kind != "regression" and (part.y == part.y[0]).all():  # there is nothing to tell apart
                return _constant(task, bundle)
            return fit(task, encoding, part, seed)

        return one

    def on(rows: int) -> str:
        return "" if rows >= n_rows else f" (on {rows} rows)"

    return (
        result("mean" if task.kind == "regression" else "majority", partial(_constant, task)),
        result(f"linear{on(linear_rows)}", learnt(_linear, linear_rows)),
        result(f"{_boosting_name(columns)}{on(boosting_rows)}", learnt(_boosting, boosting_rows)),
    )


def _fitted_rows(bundle: Bundle) -> int:
    return sum(row_count(bundle.folder / f"{part}_y.npy") for part in ("train", "inner"))


def _fitted(bundle: Bundle, most: int, seed: int) -> _Fitted:
    """At most so many training and early-stopping rows, drawn at random."""
    rows = some_rows(_fitted_rows(bundle), most, seed)
    num, cat, y = (
        picked_rows([bundle.folder / f"{part}_{name}.npy" for part in ("train", "inner")], rows)
        for name in ("num", "cat", "y")
    )
    return _Fitted(Encoded(num, cat), y)


def _predicted(predict: Predict, part: _Scored) -> Scores:
    """Predictions of the part's first rows, as many as it has labels."""
    predicted: list[Scores] = []
    left = len(part.y)
    for arrays in zip(*(array_pieces(part.folder / f"eval_{n}.npy") for n in ("num", "cat")), strict=True):
        predicted.append(predict(Encoded(*(array[:left] for array in arrays))))
        left -= len(predicted[-1])
        if not left:
            break
    return np.concatenate(predicted)


def _constant(task: Task, bundle: Bundle) -> Predict:
    """The mean, or the share of each class, of all fitted rows."""
    y = np.concatenate([np.load(bundle.folder / f"{part}_y.npy") for part in ("train", "inner")])
    answer: Scores = np.array(y.mean())
    if task.kind != "regression":
        answer = np.bincount(y, minlength=len(task.classes)) / len(y)
    return lambda rows: np.broadcast_to(answer, (len(rows.x_num), *answer.shape))


def _linear(task: Task, encoding: Encoding, part: _Fitted, seed: int) -> Predict:
    """Ridge or logistic regression on the numeric columns and one indicator a code."""
    n_numeric = len(encoding.numeric_names)
    begins = n_numeric + np.cumsum([0, *encoding.cardinalities])  # the indicators of each categorical column
    width = int(begins[-1])
    features = _design(part.features, begins)
    regression = task.kind == "regression"
    if regression:
        model: Any = Ridge(alpha=1.0, solver="lsqr").fit(features, part.y)
    else:
        model = LogisticRegression(max_iter=200, random_state=seed).fit(features, part.y)
    weights = np.reshape(model.coef_, (-1, width)).T  # (width, outputs)

    def predict(rows: Encoded) -> Scores:
        outputs: Scores = rows.x_num.astype(np.float64) @ weights[:n_numeric] + model.intercept_
        for begin, codes in zip(begins, rows.x_cat.T, strict=False):
            outputs += weights[begin + codes]
        if regression:
            return outputs[:, 0]
        if outputs.shape[1] == 1:
            outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
        odds = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return _all_classes(odds / odds.sum(axis=1, keepdims=True), model.classes_, len(task.classes))

    return predict


def _design(features: Encoded, begins: NDArray[np.int64]) -> Any:
    """(rows, width) sparse float64: the numeric columns as they are, then one column a code."""
    rows, n_numeric = features.x_num.shape
    columns = n_numeric + features.x_cat.shape[1]
    values, places = np.ones((rows, columns)), np.empty((rows, columns), dtype=np.int32)
    values[:, :n_numeric], places[:, :n_numeric] = features.x_num, np.arange(n_numeric)
    places[:, n_numeric:] = features.x_cat + begins[:-1]
    ends = np.arange(rows + 1) * columns
    return csr_matrix((values.ravel(), places.ravel(), ends), shape=(rows, int(begins[-1])))


def _rounds(columns: int) -> int:
    return 100 if columns <= WIDE else max(20, 100 * WIDE // columns)


def _boosting_name(columns: int) -> str:
    return "histogram boosting" + (f" ({_rounds(columns)} rounds)" if columns > WIDE else "")


def _boosting(task: Task, encoding: Encoding, part: _Fitted, seed: int) -> Predict:
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


def _side_by_side(features: Encoded) -> NDArray[np.float64]:
    """(rows, n_numeric + n_categorical) float64. Codes fall with frequency: as numbers, too, they order."""
    return np.concatenate([features.x_num, features.x_cat], axis=1, dtype=np.float64)


def _all_classes(probabilities: Scores, known: NDArray[np.int64], classes: int) -> Scores:
    """(rows, classes): a class that training lacked has probability 0."""
    every = np.zeros((len(probabilities), classes))
    every[:, known] = probabilities
    return every
