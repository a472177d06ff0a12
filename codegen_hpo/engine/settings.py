"""What a run was asked to do and may spend."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from codegen_hpo.tuner.make import TunerOptions

TRIAL_S = 300.0
_TRIALS = 3  # for which there is time at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of a run; None is no limit. The first one that is reached ends the search."""

    trials: int | None = 20
    seconds: float | None = None  # of the run's own clock: waiting between sessions does not count
    tokens: int | None = None
    usd: float | None = None
    patience: int | None = None  # trials in a row that did not improve on the best

    @property
    def usual_trial_s(self) -> float:
        """Training time of one trial where nobody says otherwise."""
        return TRIAL_S if self.seconds is None else min(TRIAL_S, self.seconds / _TRIALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every choice of a run that is not the task, resolved: no secrets, no paths."""

    author: str = "cookbook"  # "cookbook", "llm:<model>" or a name of the caller's own
    tuner: str = "tpe"  # one of make.TUNERS, or "custom"
    tuning: TunerOptions = field(default_factory=TunerOptions)
    candidates: int = 1
    explore: int | None = None  # trials of each candidate before the best one takes the rest
    repairs: int = 5  # attempts to mend a draft before a fresh start
    restarts: int = 1  # fresh starts of a candidate before it is given up
    seed: int = 0
    sandbox: str = "auto"
    unsafe: bool = False
    device: str = "auto"
    threads: int = 2  # of one trial
    parallel: int = 1  # trials at once
    folds: int = 1  # trainings of each call, each without one fold; 1 is a validation part
    folds_at_once: int = 1  # of a trial
    memory_bytes: int = 4 << 30
    trial_s: float = TRIAL_S  # training time of one trial
    reseed: int = 3  # the best calls that are trained once more on a fresh seed
    ensemble: int = 8  # most members of the final model; 1 is the best trial alone
    prune: str = "off"  # one of pruning.Prune: what stops hopeless trainings
    private: bool = False
    reply_s: float = 300.0  # for one reply of the model, with all its attempts
    reply_tokens: int | None = None
    endpoint: str = ""  # the base URL, without credentials
    model: str = ""
    temperature: float | None = None
    price: tuple[float, float] | None = None  # USD per million prompt and completion tokens
    budget: Budget = field(default_factory=Budget)

    @property
    def at_once(self) -> int:
        """Trainings at once."""
        return self.parallel * self.folds_at_once

    @property
    def turns(self) -> int:
        """How many trainings of a trial follow one another, at the least."""
        if self.prune == "off" or self.folds == 1:
            return math.ceil(self.folds / self.folds_at_once)
        return 1 + math.ceil((self.folds - 1) / self.folds_at_once)  # the first decides on the others

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Settings":
        fields = dict(data)
        price = fields.pop("price")
        nested = {"budget": Budget(**fields["budget"]), "tuning": TunerOptions(**fields["tuning"])}
        return cls(**fields | nested, price=tuple(price) if price else None)


def without_trials(settings: Settings, count: int) -> Settings:
    """The settings with so many trials less in the budget."""
    budget = settings.budget
    if budget.trials is None:
        return settings
    return replace(settings, budget=replace(budget, trials=budget.trials - count))


def trials_to_explore(candidates: int, trials: int | None) -> int | None:
    """How many trials each candidate gets before the best one takes the rest; None where there is but one.

    Architecture explains most of the variance between runs (arXiv 2603.15916), so every candidate is tried
    before one is tuned further. Settled when a run begins: more budget later changes nothing that was done.
    """
    if candidates == 1:
        return None
    return 3 if trials is None else max(1, trials // (2 * candidates))
