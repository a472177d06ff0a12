"""A Python function as an objective."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.base import Infeasible, Measured, measured
from codegen_hpo.records import Outcome, Status
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.space import Scalar

Function = Callable[[dict[str, Scalar]], Any]


class FunctionObjective:
    """Calls a function of the user's own with a dictionary of the arguments.

    NaN, infinity, `Infeasible`, MemoryError and the errors listed in `catch` are failures of one call; every
    other error ends the search, for it is more likely a slip in the function than in the call.

    Args:
        function: returns a number.
        catch: errors that are failures of one call.
    """

    def __init__(self, function: Function, catch: tuple[type[Exception], ...] = ()) -> None:
        self._function, self._catch = function, catch

    def measure(self, arguments: dict[str, Scalar], number: int) -> Measured:
        """What the function returns. Raises ConfigError if that is no number, and what it raises."""
        began = time.monotonic()
        given = dict(arguments)

        def outcome(status: Status = "ok", error: str = "") -> Outcome:
            seconds = round(time.monotonic() - began, 6)
            return Outcome(status=status, error=short(error), seconds=seconds)

        try:
            value = self._function(given)
        except Infeasible as error:
            return Measured(None, outcome("error", f"infeasible: {error}" if str(error) else "infeasible"))
        except MemoryError as error:
            return Measured(None, outcome("oom", str(error) or "out of memory"))
        except self._catch as error:
            return Measured(None, outcome("error", f"{type(error).__name__}: {error}"))
        return measured(_number(value, arguments), outcome())

    def abandon(self) -> None:
        """Nothing: a function cannot be stopped from outside."""


def _number(value: Any, arguments: Mapping[str, Scalar]) -> float:
    """The returned value as a float. Raises ConfigError."""
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(
            f"the objective returned {value!r:.80} at {dict(arguments)!r:.200}, expected one number",
            hint='return a float; raise codegen_hpo.Infeasible("why") where there is no value',
        ) from None
