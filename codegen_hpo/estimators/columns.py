"""The rows and labels that scikit-learn is given, as a table's columns."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import assert_all_finite, check_consistent_length, column_or_1d, validate_data

from codegen_hpo.errors import DataError
from codegen_hpo.table.encoding.levels import level_name
from codegen_hpo.table.read import as_columns

FEWEST = 2  # rows that are learnt from


class Rows(NamedTuple):
    """What is learnt from."""

    features: pd.DataFrame
    target: "pd.Series[Any]"  # its name is no feature's


@contextmanager
def value_errors() -> Iterator[None]:
    """Turns DataError into what scikit-learn expects of an estimator."""
    try:
        yield
    except DataError as error:
        raise ValueError(f"{error}. {error.hint}" if error.hint else str(error)) from error


def read_features(estimator: BaseEstimator, X: ArrayLike | pd.DataFrame, names: list[str]) -> pd.DataFrame:  # noqa: N803
    """Rows to predict, as a frame of the columns `names` that were learnt. Raises ValueError.

    As everywhere in scikit-learn, the columns of an array are told by their places.
    """
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, reset=False, skip_check_array=True)
        _require_size(estimator, X, 1)
        return as_columns(X.set_axis(names, axis=1))
    values = validate_data(estimator, X, reset=False, dtype=None, ensure_all_finite="allow-nan")
    return as_columns(pd.DataFrame(values, columns=names))


def read_rows(
    estimator: BaseEstimator,
    X: ArrayLike | pd.DataFrame,  # noqa: N803
    y: ArrayLike,
    *,
    numeric: bool,
) -> Rows:
    """Rows to learn from, and their labels. Raises ValueError.

    The estimator learns its columns.
    """
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, y, reset=True, skip_check_array=True)
        _require_size(estimator, X, FEWEST)
        labels = column_or_1d(y, warn=True)
        check_consistent_length(X, labels)
        if missing := int(pd.isna(labels).sum()):
            raise ValueError(
                f"Input y contains NaN in {missing} of {len(labels)} rows. Leave these rows out."
            )
        assert_all_finite(labels, input_name="y")
        with value_errors():
            features = as_columns(X)
    else:
        values, labels = validate_data(
            estimator,
            X,
            y,
            reset=True,
            dtype=None,
            ensure_all_finite="allow-nan",
            ensure_min_samples=FEWEST,
            y_numeric=numeric,
        )
        features = pd.DataFrame(values, columns=[f"x{number}" for number in range(values.shape[1])])
    name = level_name(getattr(y, "name", None) or "y") or "y"
    while name in features.columns:
        name += "_"
    return Rows(features, pd.Series(np.asarray(labels, dtype=np.float64 if numeric else None), name=name))


def _require_size(estimator: BaseEstimator, frame: pd.DataFrame, fewest: int) -> None:
    """What scikit-learn asks of an array."""
    for found, least, what in ((len(frame), fewest, "sample"), (frame.shape[1], 1, "feature")):
        if found < least:
            raise ValueError(
                f"Found array with {found} {what}(s) (shape={frame.shape}) while a minimum of {least} is "
                f"required by {type(estimator).__name__}."
            )
