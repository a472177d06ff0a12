"""Where a search stands: its best trial against the base, and what was best after how many trials."""

from collections.abc import Sequence
from typing import NamedTuple

from codegen_hpo.objective.settings import Aim
from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import Scalar, Space, canonical

MILESTONES = (1, 3, 5, 10)  # trials (arXiv 2402.01881, section 4.2)


class Milestone(NamedTuple):
    """The best of the first so many trials."""

    trials: int
    best: Trial | None  # None if none of them has a value


def base(space: Space) -> dict[str, Scalar]:
    """The values as the user left them, of the hyperparameters for which they lie in the space."""
    declared = {name: dimension.default for name, dimension in space.items()}
    return {name: value for name, value in declared.items() if value is not None}


def base_trial(space: Space, trials: Sequence[Trial]) -> Trial | None:
    """The first trial with the values as the user left them, if it has a value."""
    values = canonical(base(space))
    scored = (trial for trial in trials if trial.score is not None)
    return next((trial for trial in scored if canonical(trial.call.arguments) == values), None)


def best_before(trial: Trial, trials: Sequence[Trial]) -> Trial | None:
    """The best of the trials with lower numbers."""
    return next(iter(ranked(earlier for earlier in trials if earlier.number < trial.number)), None)


def milestones(trials: Sequence[Trial]) -> list[Milestone]:
    """The best after 1, 3, 5 and 10 trials, as far as the search came."""
    first = sorted(trials, key=lambda trial: trial.number)
    reached = [count for count in MILESTONES if count <= len(first)]
    return [Milestone(count, next(iter(ranked(first[:count])), None)) for count in reached]


def standing(aim: Aim, trials: Sequence[Trial]) -> str:
    """One sentence: the best trial, and how it compares with the base."""
    best = next(iter(ranked(trials)), None)
    if best is None or best.score is None:
        return "no trial was made" if not trials else f"none of {len(trials)} trials has a value"
    told = f"trial {best.number} is the best of {len(trials)}, with {best.score:.5g}"
    yardstick = base_trial(aim.space, trials)
    if yardstick is None or yardstick.score is None:
        return f"{told}; there is no value of the base to compare it with"
    if yardstick is best:
        return f"{told}: no trial did better than the base"
    return f"{told}: {against(best.score, yardstick.score)} the base's {yardstick.score:.5g}"


def against(score: float, other: float) -> str:
    """The difference of a score to another one: "+0.02 (+2.1 %) against"."""
    share = f" ({(score - other) / abs(other):+.1%})".replace("%", " %") if other else ""
    return f"{score - other:+.3g}{share} against"
