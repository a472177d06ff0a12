"""What a benchmark is made of: problems with a space and a value at each point, in suites."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from codegen_hpo.records import Status
from codegen_hpo.space import Arguments, Scalar, Space
from codegen_hpo.tuner.subject import Subject


class Value(NamedTuple):
    """What one evaluation gave."""

    loss: float | None  # what the tuner is told, lower is better; None when it failed
    sealed: float | None = None  # the test error of the same model: for the report, never told to a tuner
    status: Status = "ok"
    error: str = ""
    seconds: float = 0.0  # of processor time


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An objective over a space."""

    name: str
    space: Space
    evaluate: Callable[[Arguments], Value]
    fingerprint: str  # of all that a value depends on beside the arguments
    optimum: float | None = None  # the lowest loss there is, where it is known


class Suite(Protocol):
    """A family of problems; picklable, so that a process of its own can open one."""

    @property
    def name(self) -> str: ...

    @property
    def limit_s(self) -> float | None:
        """Processor time of one evaluation, which then runs in a child process; None: no limit."""

    def problems(self) -> tuple[str, ...]:
        """The names, in the order of the report."""

    def open(self, problem: str) -> Problem:
        """The problem of this name. Raises ConfigError."""

    def subject(self, problem: Problem, framing: int | None, budget: int) -> Subject:
        """The problem in words, for a model."""

    def facts(self) -> Mapping[str, Scalar]:
        """What two runs must share for their results to stand in one table."""
