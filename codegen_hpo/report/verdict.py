"""What a run came to, in sentences: its model against the baselines, and what chance explains."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from codegen_hpo.shown import number, signed

if TYPE_CHECKING:
    from codegen_hpo.scoring.baselines import Baseline
    from codegen_hpo.store.history import Final, History
    from codegen_hpo.task import Metric, Task


def verdict(history: "History", task: "Task") -> str:
    """One sentence: the model that is used, against the best baseline on the sealed test rows."""
    final, metric = history.final, task.metric
    assert final is not None
    name = f"{final.trial} of {final.candidate}"
    if final.is_ensemble:
        name = f"The ensemble of {len(final.members)}"
    told = f"{name}: {metric.name} {with_noise(final.validation_score, final.noise)} {_scored(task)}"
    if final.test_score is None:
        return told + ", not defined on the test rows."
    gap = signed(final.test_score - final.validation_score)
    told += f", {number(final.test_score)} on the sealed test rows (a gap of {gap})"
    return told + against(metric, final.test_score, history.baselines)


def _scored(task: "Task") -> str:
    """What the validation score was computed on."""
    folds = task.split.folds
    if not folds:
        return "on validation"
    return f"out of {len(folds)} folds, on {sum(len(fold.validation) for fold in folds)} rows"


def against(metric: "Metric", test_score: float, baselines: Sequence["Baseline"]) -> str:
    """The end of the verdict: how a test score stands to the best of the baselines."""
    best = min(
        (b for b in baselines if b.test_score is not None),
        key=lambda b: metric.loss(b.test_score or 0.0),
        default=None,
    )
    if best is None or best.test_score is None:
        return "."
    ours, theirs = metric.loss(test_score), metric.loss(best.test_score)
    named = f"{best.name} ({number(best.test_score)})"
    if ours > theirs:
        return f": NOT better than the baseline {named}."
    return f": {'better than' if ours < theirs else 'level with'} the best baseline there, {named}."


def more_on(final: "Final") -> list[str]:
    """Sentences after the verdict: the ensemble's members, the seeds of the best call, overtuning."""
    told = []
    if final.is_ensemble:
        shares = ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in final.members.items())
        told.append(
            f"Its members: {shares}. The best trial alone, {final.trial} of {final.candidate}: "
            f"{number(final.single_validation_score)} on validation, {number(final.single_test_score)} on "
            "test."
        )
    if final.seeds > 1:
        told.append(
            f"The call of {final.trial} came to {number(final.seeds_score)} on average over {final.seeds} "
            "seeds, the best of those that were trained again."
        )
    if gap := gap_beyond_chance(final):
        told.append(
            f"Validation and test differ by {number(abs(gap.difference))}, more than the "
            f"{number(gap.chance)} within which chance leaves 95 %: the search has fitted its validation "
            "rows, or the test rows are of another kind."
        )
    return told


class Gap(NamedTuple):
    """Between the validation and the test score."""

    difference: float  # test minus validation
    chance: float  # what the noise of both explains


def gap_beyond_chance(final: "Final") -> Gap | None:
    """The gap between validation and test where the noise of both does not explain it."""
    if final.test_score is None or final.noise is None or final.test_noise is None:
        return None
    difference = final.test_score - final.validation_score
    from codegen_hpo.scoring.noise import LEVEL

    chance = LEVEL * math.hypot(final.noise, final.test_noise)
    return Gap(difference, chance) if abs(difference) > chance else None


def with_noise(score: float | None, noise: float | None) -> str:
    """The score with its standard error, of which two digits tell all there is: "2.2689 ± 0.021"."""
    return number(score) + (f" ± {noise:.2g}" if noise is not None else "")
