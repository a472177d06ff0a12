"""Where a hopeless training stops, as an Optuna pruner decides it from the curves of earlier trials.

The pruner only ever says yes or no to a loss at a point of the curve, and says yes to every larger loss once
it says yes to one. The loss from which it says yes is therefore all there is to know. It is found by asking,
before the training begins, so that a worker needs no conversation and a trial depends on nothing but the
trials told before it.
"""

import logging
import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Literal, get_args

from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Trial

Prune = Literal["off", "median", "quarter"]
Thresholds = tuple[tuple[int, float], ...]
"""(point of the curve, from 1; best inner loss so far above which training stops there), rising points."""

STARTUP = 4  # trials that were not pruned, the one at the defaults among them, before any is
FIRST_POINT = 4  # of a curve at which any training may stop: before it, weight averages hold the start
_KEPT = {
    "median": 50.0,
    "quarter": 25.0,
}  # per cent of the earlier trials with which a training must keep up
_SPACING = 1.25  # of the points that are looked at: a curve of a thousand points has some twenty-five
_HALVINGS = 16  # of the gap between two losses in which a threshold lies


def check_prune(name: str) -> None:
    """Raises ConfigError unless it is the name of a pruner, or "off"."""
    if name not in get_args(Prune):
        raise ConfigError(f"there is no pruner {name!r}", hint=f"one of {', '.join(get_args(Prune))}")


def first_point(patience: int) -> int:
    """Where a training may stop at the earliest, given the points that it may pass without getting better.

    Half of them: on a small table a point of the curve is a handful of steps, and large batches start slowly.
    """
    return max(FIRST_POINT, patience // 2)


def thresholds(name: str, trials: Sequence[Trial], first: int = FIRST_POINT) -> Thresholds:
    """Where the next training stops; nowhere as long as too few trials have run to their end.

    The pruner is Optuna's PercentilePruner over a study of the trials: their best inner losses so far are the
    intermediate values, since the weights of the best point are what a training comes to. Those of a
    training that ended by itself go on unchanged after its end. One that was pruned sets no standard.

    Args:
        name: "median" lets the better half go on, "quarter" the best quarter; "off" stops none.
        trials: of one candidate, in the order in which they were told.
        first: the first point at which this training may stop.
    """
    curved = [trial for trial in trials if trial.loss is not None and trial.outcome.curve]
    if name == "off" or sum(trial.outcome.stopped != "pruned" for trial in curved) < STARTUP:
        return ()
    last = max(trial.outcome.curve[-1].number for trial in curved)
    points = list(_points(first, last))
    courses = [_course(trial, points) for trial in curved]
    pruned = _pruner(_KEPT[name], curved, courses)
    found = []
    for point in points:
        losses = sorted(course[point] for course in courses if point in course)
        if losses and pruned(point, math.inf):
            found.append((point, _threshold(partial(pruned, point), losses)))
    return tuple(found)


def _points(first: int, last: int) -> Iterator[int]:
    """Points of a curve, each a quarter later than the one before."""
    at = float(first)
    while at <= last:
        yield int(at)
        at = max(at * _SPACING, int(at) + 1)


def _course(trial: Trial, points: Sequence[int]) -> dict[int, float]:
    """The trial's best inner loss so far at each of the points that it reached, or would not have changed."""
    curve = trial.outcome.curve
    best = dict(
        zip(
            (epoch.number for epoch in curve),
            accumulate((epoch.inner_loss for epoch in curve), min),
            strict=True,
        )
    )
    course = {point: best[point] for point in points if point in best}
    if trial.outcome.stopped in ("patience", "epochs"):
        end = curve[-1].number
        course |= {point: best[end] for point in points if point > end}
    return course


def _pruner(
    kept: float, trials: Sequence[Trial], courses: Sequence[dict[int, float]]
) -> Callable[[int, float], bool]:
    """Whether Optuna prunes a training whose best loss is so at a point."""
    import optuna  # half a second to import
    from optuna.trial import TrialState, create_trial

    logging.getLogger("optuna").setLevel(logging.ERROR)  # a line on stderr for each study
    study = optuna.create_study(
        direction="minimize", pruner=optuna.pruners.PercentilePruner(kept, n_startup_trials=STARTUP)
    )
    for trial, course in zip(trials, courses, strict=True):
        state = TrialState.PRUNED if trial.outcome.stopped == "pruned" else TrialState.COMPLETE
        value = min(epoch.inner_loss for epoch in trial.outcome.curve)
        study.add_trial(create_trial(state=state, value=value, intermediate_values=course))
    asked = create_trial(state=TrialState.RUNNING)

    def pruned(point: int, loss: float) -> bool:
        asked.intermediate_values = {point: loss}
        return bool(study.pruner.prune(study, asked))

    return pruned


def _threshold(pruned: Callable[[float], bool], losses: Sequence[float]) -> float:
    """The smallest loss found that is pruned, given those of earlier trials, rising: it lies among them."""
    place = bisect_left(losses, True, key=pruned)
    if place in (0, len(losses)):
        return losses[max(place - 1, 0)]
    low, high = losses[place - 1], losses[place]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if pruned(middle) else (middle, high)
    return high
