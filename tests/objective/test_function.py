"""A Python function as an objective: which of its ends are failures of a call, and which end the search."""

import math
from typing import Any

import numpy as np
import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.base import Infeasible, Measured
from codegen_hpo.objective.function import FunctionObjective


def measure(returned: Any, catch: tuple[type[Exception], ...] = ()) -> Measured:
    def function(arguments: dict[str, Any]) -> Any:
        if isinstance(returned, BaseException):
            raise returned
        return returned

    return FunctionObjective(function, catch).measure({"x": 1}, 1)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2.0), np.int64(2), np.array(2.0)])
def test_every_kind_of_number_is_taken(value: Any) -> None:
    measured = measure(value)
    assert (measured.value, measured.outcome.status) == (2.0, "ok")
    assert type(measured.value) is float


@pytest.mark.parametrize(
    ("returned", "status", "said"),
    [
        (math.nan, "nan", "the value is nan"),
        (-math.inf, "nan", "the value is -inf"),
        (Infeasible("too wide"), "error", "infeasible: too wide"),
        (MemoryError(), "oom", "out of memory"),
        (KeyError("k\x1b[31m"), "error", "KeyError: 'k\\x1b[31m'"),
    ],
)
def test_a_call_without_a_value_has_failed_and_says_why(returned: Any, status: str, said: str) -> None:
    measured = measure(returned, (KeyError,))
    assert (measured.value, measured.outcome.status, measured.outcome.error) == (None, status, said)


def test_an_error_that_is_not_listed_ends_the_search() -> None:
    with pytest.raises(ZeroDivisionError):
        measure(ZeroDivisionError(), (KeyError,))


@pytest.mark.parametrize("returned", [None, "0.5", True, [0.5], {"loss": 1}, 1j])
def test_what_is_no_number_is_a_fault_of_the_objective(returned: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        measure(returned)
    assert "expected one number" in str(caught.value)
    assert "{'x': 1}" in str(caught.value)


def test_the_function_may_change_its_arguments() -> None:
    arguments: dict[str, Any] = {"x": 1}
    FunctionObjective(lambda given: given.pop("x")).measure(arguments, 1)
    assert arguments == {"x": 1}
