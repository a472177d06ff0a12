"""What of the time for a run is kept for what follows its search: fresh seeds, and the test rows."""

import json
from collections.abc import Sequence
from statistics import median

from codegen_hpo.engine.limits import trained
from codegen_hpo.engine.settings import Settings
from codegen_hpo.records import Trial, ranked

_FEWEST = 8  # trials of a search: of fewer, none is trained again
_SHARE = 4  # so many trials of the search for one on a fresh seed
_MOST = 0.25  # of the time for a run


def kept_trials(trials: int, reseed: int) -> int:
    """How many of so many trials are kept for fresh seeds, when at most `reseed` calls are to meet one."""
    kept = min(reseed, trials // (_SHARE + 1))
    return kept if trials - kept >= _FEWEST else 0


def kept_seconds(settings: Settings, trials: Sequence[Trial]) -> float:
    """How many of the budget's seconds are kept, when a search has had these trials."""
    if settings.budget.seconds is None:
        return 0.0
    best = ranked(firsts(trials))[: trained_again(settings, trials)]
    fresh_s = sum(trial.outcome.seconds for trial in best) / settings.parallel
    return min(fresh_s + opening_seconds(settings, trials), _MOST * settings.budget.seconds)


def opening_seconds(settings: Settings, trials: Sequence[Trial]) -> float:
    """What the test rows will take: for each model, what a trial takes beside its training."""
    told = [trial for trial in trials if trial.loss is not None and trial.outcome.curve]
    beside = [trial.training_s - trial.outcome.curve[-1].seconds for trial in told]
    models = settings.folds * min(settings.ensemble + 1, len(told))  # the best trial may be no member
    return models * max(0.0, median(beside)) if beside else 0.0


def trained_again(settings: Settings, trials: Sequence[Trial]) -> int:
    """How many calls of a search with these trials are to meet a fresh seed."""
    searched = len(trained(trials))
    return min(settings.reseed, searched // _SHARE) if searched >= _FEWEST else 0


def firsts(trials: Sequence[Trial]) -> list[Trial]:
    """The first trial of each call."""
    return list({call_of(trial): trial for trial in sorted(trials, key=lambda t: -t.number)}.values())


def call_of(trial: Trial) -> tuple[str, str]:
    """What is the same in trials that differ in their seeds alone."""
    return trial.code_hash, json.dumps(dict(trial.call.arguments), sort_keys=True)
