"""The rows and labels that scikit-learn is given, as a table's columns."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import assert_all_finite, check_consistent_length, column_or_1d, validate_data

from codegen_hpo.table.encoding.levels import level_name
from codegen_hpo.table.read import Table

FEWEST = 2  # rows that are learnt from


def read_features(estimator: BaseEstimator, X: ArrayLike | pd.DataFrame) -> pd.DataFrame:  # noqa: N803
    """Rows to predict, as a frame whose columns have names. Raises ValueError.

    The estimator has seen its columns before; they must be the same ones.
    """
    if not isinstance(X, pd.DataFrame):
        return _named(validate_data(estimator, X, reset=False, dtype=None, ensure_all_finite="allow-nan"))
    validate_data(estimator, X, reset=False, skip_check_array=True)
    _require_size(estimator, X, 1)
    return Table.from_frame(X).frame


def read_rows(
    estimator: BaseEstimator,
    X: ArrayLike | pd.DataFrame,  # noqa: N803
    y: ArrayLike,
    *,
    numeric: bool,
) -> tuple[pd.DataFrame, "pd.Series[Any]"]:
    """Rows to learn from, and their labels under a name that is no column's. Raises ValueError.

    The estimator learns its columns.
    """
    name = level_name(getattr(y, "name", None) or "y") or "y"
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, y, reset=True, skip_check_array=True)
        _require_size(estimator, X, FEWEST)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_consistent_length(X, y)
        features = Table.from_frame(X).frame
    else:
        X, y = validate_data(  # noqa: N806
            estimator,
            X,
            y,
            reset=True,
            dtype=None,
            ensure_all_finite="allow-nan",
            ensure_min_samples=FEWEST,
            y_numeric=numeric,
        )
        features = _named(X)
    while name in features.columns:
        name += "_"
    return features, pd.Series(np.asarray(y, dtype=np.float64 if numeric else None), name=name)


def _named(values: Any) -> pd.DataFrame:
    return pd.DataFrame(values, columns=[f"x{number}" for number in range(values.shape[1])])


def _require_size(estimator: BaseEstimator, frame: pd.DataFrame, fewest: int) -> None:
    """What scikit-learn asks of an array."""
    for found, least, what in ((len(frame), fewest, "sample"), (frame.shape[1], 1, "feature")):
        if found < least:
            raise ValueError(
                f"Found array with {found} {what}(s) (shape={frame.shape}) while a minimum of {least} is "
                f"required by {type(estimator).__name__}."
            )
