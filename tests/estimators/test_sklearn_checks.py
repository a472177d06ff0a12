"""scikit-learn's own checks of an estimator: all of them, none expected to fail."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from codegen_hpo.estimators import CodegenClassifier, CodegenRegressor
from codegen_hpo.testing.networks import QUICKLY

ONE_TRIAL = QUICKLY | {"n_trials": 1, "ensemble": 1}


@pytest.mark.slow
@parametrize_with_checks([CodegenRegressor(**ONE_TRIAL), CodegenClassifier(**ONE_TRIAL)])
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
