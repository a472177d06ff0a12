"""The estimator for numbers."""

from typing import Self

import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from codegen_hpo.estimators.base import CodegenEstimator
from codegen_hpo.estimators.columns import read_rows
from codegen_hpo.trained_model import Floats


class CodegenRegressor(RegressorMixin, CodegenEstimator):  # type: ignore[misc]
    __doc__ = f"""Predicts numbers. {CodegenEstimator.__doc__}"""

    def fit(self, X: ArrayLike | pd.DataFrame, y: ArrayLike) -> Self:  # noqa: N803
        """The estimator with the final model of a run; see the class. `y` is (rows,) numbers."""
        features, target = read_rows(self, X, y, numeric=True)
        return self._fit_run(features, target, "regression")

    def predict(self, X: ArrayLike | pd.DataFrame) -> Floats:  # noqa: N803
        """(rows,) float64, in the target's unit."""
        return self._predictions(X)
