"""Where a search stands: its best trial against the base, and what was best after how many trials."""

from collections.abc import Sequence
from typing import NamedTuple

from codegen_hpo.objective.settings import Aim
from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import Scalar, Space, canonical

MILESTONES = (1, 3, 5, 10)  # trials (arXiv 2402.01881, section 4.2)

_SUSPICIOUS = 3  # different trials that have one and the same result


class Compared(NamedTuple):
    """What a trial is held against."""

    base: Trial | None  # the first with the values as the user left them, if it has a value
    before: Trial | None  # the best of those before it


def base(space: Space) -> dict[str, Scalar]:
    """The values as the user left them, of the hyperparameters for which they lie in the space."""
    declared = {name: dimension.default for name, dimension in space.items()}
    return {name: value for name, value in declared.items() if value is not None}


def base_trial(space: Space, trials: Sequence[Trial]) -> Trial | None:
    """The first trial with the values as the user left them, if it has a value."""
    values = canonical(base(space))
    scored = (trial for trial in trials if trial.score is not None)
    return next((trial for trial in scored if canonical(trial.call.arguments) == values), None)


def compared(space: Space, trials: Sequence[Trial]) -> list[Compared]:
    """What each of the trials, which are in the order of their numbers, is held against."""
    yardstick, before = base_trial(space, trials), None
    found = []
    for trial in trials:
        found.append(Compared(yardstick, before))
        before = next(iter(ranked([before, trial] if before else [trial])), None)
    return found


def milestones(trials: Sequence[Trial]) -> dict[int, Trial | None]:
    """The best after 1, 3, 5 and 10 trials, as far as the search came; None if none of them has a value."""
    first = sorted(trials, key=lambda trial: trial.number)
    reached = [count for count in MILESTONES if count <= len(first)]
    return {count: next(iter(ranked(first[:count])), None) for count in reached}


def standing(aim: Aim, trials: Sequence[Trial]) -> str:
    """One sentence: the best trial, and how it compares with the base."""
    best = next(iter(ranked(trials)), None)
    if best is None or best.score is None:
        many = "no trial was made" if not trials else f"none of {len(trials)} trials has a value"
        return "the only trial has no value" if len(trials) == 1 else many
    if said := no_effect(trials):
        return said
    told = f"trial {best.number} is the best of {len(trials)}, with {best.score:.5g}"
    yardstick = base_trial(aim.space, trials)
    if yardstick is None or yardstick.score is None:
        return f"{told}; there is no value of the base to compare it with"
    if yardstick is best:
        return f"{told}: no trial did better than the base"
    return f"{told}: {difference(best.score, yardstick.score)} the base's {yardstick.score:.5g}"


def difference(score: float, other: float) -> str:
    """The difference of a score to another one: "+0.02 (+2.1 %) against"."""
    share = f" ({(score - other) / abs(other):+.1%})".replace("%", " %") if other else ""
    return f"{score - other:+.3g}{share} against"


def no_effect(trials: Sequence[Trial]) -> str:
    """That different values gave exactly one result, as a script's do that does not read them; or nothing."""
    scored = ranked(trials)
    tried = {canonical(trial.call.arguments) for trial in scored}
    if len(tried) < _SUSPICIOUS or len({trial.loss for trial in scored}) > 1:
        return ""
    return (
        f"all {len(scored)} trials with a value have exactly the same, {scored[0].score:.5g}, although "
        "their hyperparameters differ: the values seem to have no effect; see whether the script reads "
        "its configuration in the copy of its folder"
    )
