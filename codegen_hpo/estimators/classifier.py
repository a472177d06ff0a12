"""The estimator for classes."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from codegen_hpo.estimators.base import CodegenEstimator
from codegen_hpo.estimators.columns import read_rows
from codegen_hpo.task import Kind
from codegen_hpo.trained_model import Floats


class CodegenClassifier(ClassifierMixin, CodegenEstimator):  # type: ignore[misc]
    __doc__ = f"""Predicts classes. {CodegenEstimator.__doc__}    classes_: the classes, sorted.

    The run, and a language model, know the classes by their places there: 0, 1, …
    """

    def fit(self, X: ArrayLike | pd.DataFrame, y: ArrayLike) -> Self:  # noqa: N803
        """The estimator with the final model of a run; see the class. `y` is (rows,) labels."""
        features, target = read_rows(self, X, y, numeric=False)
        check_classification_targets(target.to_numpy())
        self.classes_, codes = np.unique(target.to_numpy(), return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(f"y has 1 class, {self.classes_[0]}: there is nothing to tell apart")
        kind: Kind = "binary" if len(self.classes_) == 2 else "multiclass"
        return self._fit_run(features, pd.Series(codes, name=target.name), kind)

    def predict(self, X: ArrayLike | pd.DataFrame) -> NDArray[Any]:  # noqa: N803
        """(rows,) the likeliest class of each row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def predict_proba(self, X: ArrayLike | pd.DataFrame) -> Floats:  # noqa: N803
        """(rows, n_classes) float64 probabilities, in the order of `classes_`."""
        return self._predictions(X)
