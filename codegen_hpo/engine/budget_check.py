"""Refuses a budget that cannot be kept to, and other numbers that no search can have."""

import math

from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError


def checked_budget(budget: Budget, price: tuple[float, float] | None) -> Budget:
    """The budget, if a search within it ends. Raises ConfigError."""
    for name in ("trials", "patience", "tokens"):
        limit = getattr(budget, name)
        if limit is not None:
            at_least_one(name, limit)
    for name in ("seconds", "usd"):
        limit = getattr(budget, name)
        if limit is not None:
            above_zero(name, limit)
    if budget.trials is None and budget.seconds is None and budget.patience is None:
        raise ConfigError("the search has no end", hint="give trials, seconds or patience")
    if budget.usd is not None and price is None:
        raise ConfigError(
            f"a cost of {budget.usd:g} USD cannot be kept to: the model's price is not known",
            hint="give the price: USD per million tokens, in and out",
        )
    return budget


def at_least_one(name: str, count: int) -> int:
    """The count. Raises ConfigError."""
    if not is_whole(count) or count < 1:
        raise ConfigError(
            f"{name} is {count!r}, expected a whole number, 1 or more",
            hint="a search makes at least one call",
        )
    return count


def above_zero(name: str, amount: float) -> float:
    """The amount. Raises ConfigError."""
    number = isinstance(amount, int | float) and not isinstance(amount, bool)
    if not number or not 0 < amount < math.inf:
        raise ConfigError(
            f"{name} is {amount!r}, expected a number above 0", hint="leave it out, where there is no limit"
        )
    return amount


def is_whole(count: object) -> bool:
    """Whether it is a whole number, and no bool."""
    return isinstance(count, int) and not isinstance(count, bool)
