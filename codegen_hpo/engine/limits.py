"""When the search ends: the one place where budgets are compared with what was spent."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from codegen_hpo.engine.forecast import Cost
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


class Refusal(NamedTuple):
    """Why a call is not worth its start."""

    reason: str
    limit: str  # the field of Budget that stands in its way; empty if it is the time for one trial


def check_budget(
    budget: Budget, elapsed_s: float, trials: Sequence[Trial], running: int = 0, *, kept_s: float = 0.0
) -> None:
    """Raises Spent if no further trial may start beside those done and the number under way.

    Args:
        kept_s: seconds that are kept for what follows the search.
    """
    begun = len(trained(trials)) + running
    if budget.trials is not None and begun >= budget.trials:
        raise Spent("1 trial is done" if begun == 1 else f"{begun} trials are done", "trials")
    if budget.seconds is not None:
        left_s = budget.seconds - elapsed_s
        if left_s <= 0:
            raise Spent(f"{elapsed_s:.0f} s of {budget.seconds:.0f} s are spent", "seconds")
        usual_s = median([trial.outcome.seconds for trial in trials if trial.loss is not None] or [0.0])
        if left_s <= kept_s or _too_few(left_s - kept_s, usual_s):
            takes = f"for a trial, which takes {_seconds(usual_s)} here"
            kept = f", beside {_seconds(kept_s)} for what follows the search" if kept_s else ""
            raise Spent(f"the {_seconds(left_s)} left are too few {takes}{kept}", "seconds")
    if budget.patience is not None and since_best(trained(trials)) >= budget.patience:
        raise Spent(f"no improvement in {budget.patience} trials", "patience")


def refusal(cost: Cost, trial_s: float, left_s: float | None) -> Refusal | None:
    """Why a call is not worth its start; None if it is.

    Args:
        cost: what it is expected to take.
        trial_s: the training time of one trial.
        left_s: what is left for all trials; None without a limit.
    """
    if cost.first_s > trial_s:
        first = f"with these arguments a training takes about {_seconds(cost.first_s)} to the first point of"
        return Refusal(f"{first} its curve, and is ended after {_seconds(trial_s)}", "")
    whole_s = min(cost.first_s if cost.is_bound else cost.whole_s, trial_s)
    if left_s is not None and (left_s < cost.first_s or _too_few(left_s, whole_s)):
        takes = f"with these arguments a training takes about {_seconds(max(whole_s, cost.first_s))}"
        return Refusal(f"{takes}, and {_seconds(max(left_s, 0.0))} are left", "seconds")
    return None


def trained(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that were begun: a call that was refused took nothing of the budget."""
    return [trial for trial in trials if trial.outcome.status != "refused"]


def check_ledger(budget: Budget, ledger: Ledger) -> None:
    """Raises Spent if no further request may be sent to the model."""
    reason = ledger.exceeded(Caps(max_tokens=budget.tokens, max_cost_usd=budget.usd))
    if reason:
        raise Spent(reason, "usd" if "USD" in reason else "tokens")


def since_best(trials: Sequence[Trial]) -> int:
    """How many of the latest trials did not improve on the best before them."""
    best, since = float("inf"), 0
    for trial in trials:
        since += 1
        if trial.loss is not None and trial.loss < best:
            best, since = trial.loss, 0
    return since


def _too_few(left_s: float, whole_s: float) -> bool:
    """Whether a training would be cut so early that it told the tuner nothing of its arguments."""
    return left_s < whole_s / 2


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 3 else f"{seconds:.1f} s"
