"""When the search ends: the one place where budgets are compared with what was spent."""

from statistics import median
from typing import NamedTuple

from codegen_hpo.engine.settings import Budget
from codegen_hpo.llm.ledger import Caps, Ledger
from codegen_hpo.records import Trial


class Ending(NamedTuple):
    """Why a search ended."""

    reason: str
    limit: str  # the field of Budget whose limit was reached; empty if it was none


class Spent(Exception):  # noqa: N818 - an end, not a fault
    """A limit of the budget is reached; its text says which. Ends the search, not the run."""

    def __init__(self, reason: str, limit: str) -> None:
        super().__init__(reason)
        self.limit = limit  # the field of Budget that would have to be raised


def check_budget(budget: Budget, elapsed_s: float, trials: list[Trial], running: int = 0) -> None:
    """Raises Spent if no further trial may start beside those done and the number under way."""
    begun = len(trials) + running
    if budget.trials is not None and begun >= budget.trials:
        raise Spent("1 trial is done" if begun == 1 else f"{begun} trials are done", "trials")
    if budget.seconds is not None:
        left_s = budget.seconds - elapsed_s
        if left_s <= 0:
            raise Spent(f"{elapsed_s:.0f} s of {budget.seconds:.0f} s are spent", "seconds")
        # a trial that is cut short tells the tuner nothing of its arguments
        usual_s = median([trial.outcome.seconds for trial in trials if trial.loss is not None] or [0.0])
        if left_s < usual_s / 2:
            reason = f"the {left_s:.0f} s left are too few for a trial, which takes {usual_s:.0f} s here"
            raise Spent(reason, "seconds")
    if budget.patience is not None and since_best(trials) >= budget.patience:
        raise Spent(f"no improvement in {budget.patience} trials", "patience")


def check_ledger(budget: Budget, ledger: Ledger) -> None:
    """Raises Spent if no further request may be sent to the model."""
    reason = ledger.exceeded(Caps(max_tokens=budget.tokens, max_cost_usd=budget.usd))
    if reason:
        raise Spent(reason, "usd" if "USD" in reason else "tokens")


def since_best(trials: list[Trial]) -> int:
    """How many of the latest trials did not improve on the best before them."""
    best, since = float("inf"), 0
    for trial in trials:
        since += 1
        if trial.loss is not None and trial.loss < best:
            best, since = trial.loss, 0
    return since
