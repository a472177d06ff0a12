"""scikit-learn's own checks of an estimator: all of them, none expected to fail."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from codegen_hpo.author.fixed import FixedAuthor
from codegen_hpo.estimators import CodegenClassifier, CodegenRegressor
from codegen_hpo.testing.forked import ForkedSandbox
from codegen_hpo.testing.networks import SMALL_NETWORK

ONE_TRIAL: dict[str, Any] = {
    "author": FixedAuthor(SMALL_NETWORK, "fixed", trusted=True),
    "sandbox": ForkedSandbox(),
    "tuner": "random",
    "n_trials": 1,
    "folds": 1,
    "reseed": 0,
    "ensemble": 1,
    "parallel": 1,
    "threads": 1,
    "device": "cpu",
}


@pytest.mark.slow
@parametrize_with_checks([CodegenRegressor(**ONE_TRIAL), CodegenClassifier(**ONE_TRIAL)])
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
