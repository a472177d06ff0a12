"""The seam of an objective: arguments in, a value or a failure out."""

import math
from dataclasses import replace
from typing import NamedTuple, Protocol

from codegen_hpo.records import Outcome, Status
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.space import Scalar


class Infeasible(Exception):  # noqa: N818 - an answer of the objective, not a fault
    """The objective has no value at these arguments; its text says why. The search goes on."""


class Measured(NamedTuple):
    """What came of one call."""

    value: float | None  # finite; None if the call failed, and then the outcome says how
    outcome: Outcome
    files: str = ""  # the folder of what the call left, relative to the run; empty if it left nothing
    analysis: str = ""  # what a model said of the result, if one was asked
    code_hash: str = ""  # of what ran, where that is known


class Objective(Protocol):
    """What is tuned. The search alone knows which values are good."""

    def measure(self, arguments: dict[str, Scalar], number: int) -> Measured:
        """The value at these arguments. May be called from several threads at once.

        Args:
            arguments: complete; a copy that may be changed.
            number: of the trial, from 1.

        Raises:
            Abandoned: `abandon` was called meanwhile.
            ConfigError: the objective is no objective, as one that returns a list.
        """

    def abandon(self) -> None:
        """Makes the calls under way end at once, where that can be done."""


class Abandoned(Exception):  # noqa: N818 - an end, not a fault
    """A call was stopped from outside: nothing came of it, and it is made again after a resume."""


def measured(value: float, outcome: Outcome) -> Measured:
    """The value with its outcome; one that is not finite is a failure."""
    if math.isfinite(value):
        return Measured(value, outcome)
    return failed(outcome, "nan", f"the value is {value}")


def failed(outcome: Outcome, status: Status, error: str) -> Measured:
    """The outcome turned into a failure of this kind."""
    return Measured(None, replace(outcome, status=status, error=short(error)))
