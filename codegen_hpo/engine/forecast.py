"""What a call will take, in seconds, learnt from what the dry-run and the trials of its function took.

The logarithm of the seconds for one point of the training curve is a straight line in each argument, on the
scale on which it is searched. The line is fitted by ridge regression (Hoerl and Kennard, "Ridge Regression",
Technometrics 1970), whose penalties say what is likely beforehand: whole numbers (widths, depths, batches)
and options change the cost, real numbers (rates, shares) hardly do. Where trials and dry-run tell of the same
point, the ratio between them corrects all others. How far the dry-run's few steps are to be trusted is told
by how well they agree (the evidence: MacKay, "Bayesian Interpolation", Neural Computation 1992): on a busy
machine one of them may take ten times as long as the next. How many points a curve has is told by those of
the trials, in units of their patience (see `course`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.engine import course
from codegen_hpo.records import Check, Trial
from codegen_hpo.space import Arguments, Choice, Dimension, Float, Space
from codegen_hpo.tuner import points
from codegen_hpo.tuner.outlook import Driver

# standard deviations, of the logarithm of seconds
_TRIAL_NOISE = 0.25  # of what a whole training tells
_NOISES = (0.1, 0.2, 0.4, 0.8, 1.6)  # of a dry-run's measurement: whichever explains all of them best
_WHOLE_NUMBER, _OPTION, _REAL_NUMBER = 1.5, 0.4, 0.1  # of the effect of an argument over its whole range
_DRY_RUN = 1.0  # of the ratio between a step in the dry-run and one in a training
_LEVEL = 20.0  # of the seconds at the defaults: anything is possible
_HIGHEST = 20.0  # years: a sandbox may tell of any seconds, and a float has an end


class Cost(NamedTuple):
    """What one call is expected to take."""

    first_s: float  # to the first point of its curve
    whole_s: float  # to the end of its training
    is_bound: bool  # whether no training has ended yet: `whole_s` is the longest possible


class _Measured(NamedTuple):
    arguments: Arguments
    point_s: float  # for one point of the curve
    dry: bool  # in the dry-run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """What calls of one function will take, as far as its dry-run and its trials tell."""

    space: Space
    rows: int  # training rows
    turns: int  # trainings of a call that follow one another: those of folds
    usual_patience: float | None  # points of a curve, times its patience; None before a training has ended
    start_s: float  # of a training, beside the points of the curve: building, predicting
    usual_s: float | None  # of a trial; None before there is one
    effects: NDArray[np.float64]  # (columns,): of the logarithm of the seconds for a point, see `_row`

    def cost(self, arguments: Arguments) -> Cost:
        """The call's cost, apart from all limits of time."""
        logarithm = float(_row(self.space, arguments, dry=False) @ self.effects)
        point_s = math.exp(min(logarithm, _HIGHEST))
        count: float = course.longest(arguments, self.rows)
        if self.usual_patience is not None:
            count = min(count, self.usual_patience * course.patience(arguments, self.rows))
        first_s, whole_s = (self.turns * (self.start_s + point_s * points) for points in (1, count))
        return Cost(first_s, whole_s, self.usual_patience is None)

    def drivers(self) -> list[Driver]:
        """The arguments, that with the largest effect first."""
        found = []
        start = _FIXED
        for name, dimension in self.space.items():
            width = _columns(dimension)
            found.append(_driver(name, dimension, self.effects[start : start + width]))
            start += width
        return sorted(found, key=lambda driver: -driver.factor)


def make_forecast(
    space: Space, checks: Sequence[Check], trials: Sequence[Trial], rows: int, turns: int = 1
) -> Forecast | None:
    """The forecast for a function's calls; None if nothing was measured yet.

    What the sandbox says of its seconds is advisory: a function that lies here is itself refused, or not.

    Args:
        space: the function's.
        checks: of its dry-run.
        trials: its own, in the order in which they were told.
        rows: training rows.
        turns: trainings of a call that follow one another.
    """
    trained = [trial for trial in trials if trial.loss is not None and _measurable(_point_s(trial))]
    measured = [_Measured(trial.call.arguments, _point_s(trial), dry=False) for trial in trained]
    measured += [
        _Measured(check.arguments, check.row_s * rows / course.points_a_pass(check.arguments, rows), dry=True)
        for check in checks
        if _measurable(check.row_s)
    ]
    if not measured:
        return None
    # one that was pruned says nothing of how long a whole training is
    whole = [
        trial.outcome.curve[-1].number / course.patience(trial.call.arguments, rows)
        for trial in trained
        if trial.outcome.stopped != "pruned"
    ]
    beside = [trial.training_s - trial.outcome.curve[-1].seconds for trial in trained]
    return Forecast(
        space=space,
        rows=rows,
        turns=turns,
        usual_patience=median(whole) if whole else None,
        start_s=max(0.0, median(beside)) if beside else 0.0,
        usual_s=median(trial.outcome.seconds for trial in trained) if trained else None,
        effects=_fitted(space, measured),
    )


def _point_s(trial: Trial) -> float:
    curve = trial.outcome.curve
    return curve[-1].seconds / curve[-1].number if curve else 0.0


def _measurable(seconds: float) -> bool:
    return 1e-12 < seconds < 1e9


# -- the regression: columns are level, dry-run, then those of each argument in the order of the space ------

_FIXED = 2


def _columns(dimension: Dimension) -> int:
    return len(dimension.options) if isinstance(dimension, Choice) else 1


def _row(space: Space, arguments: Arguments, *, dry: bool) -> NDArray[np.float64]:
    """(columns,) of one point: 1, whether it is the dry-run's, shares of ranges, and one for each option."""
    row = [1.0, float(dry)]
    for name, dimension in space.items():
        if isinstance(dimension, Choice):
            chosen = points.option_index(dimension, arguments[name])
            row += [float(i == chosen) for i in range(len(dimension.options))]
        else:
            row.append(points.share(dimension, float(arguments[name])) - 0.5)
    return np.array(row)


def _deviations(space: Space) -> NDArray[np.float64]:
    """(columns,): how large each effect may well be."""
    found = [_LEVEL, _DRY_RUN]
    for dimension in space.values():
        if isinstance(dimension, Choice):
            found += [_OPTION] * len(dimension.options)
        else:
            found.append(_REAL_NUMBER if isinstance(dimension, Float) else _WHOLE_NUMBER)
    return np.array(found)


def _fitted(space: Space, measured: Sequence[_Measured]) -> NDArray[np.float64]:
    """(columns,): the effects, by ridge regression."""
    design = np.array([_row(space, one.arguments, dry=one.dry) for one in measured])
    seconds = np.log([one.point_s for one in measured])
    dry = np.array([one.dry for one in measured])
    prior = _deviations(space) ** 2  # (columns,) variances
    expected = design * prior @ design.T  # (measured, measured): what the logarithms have in common

    def solved(noise: float) -> tuple[float, NDArray[np.float64]]:
        """The evidence for this noise of the dry-run, and the effects with it."""
        covariance = expected + np.diag(np.where(dry, noise, _TRIAL_NOISE) ** 2)
        weights = np.linalg.solve(covariance, seconds)
        evidence = -0.5 * (seconds @ weights + np.linalg.slogdet(covariance)[1])
        return float(evidence), prior * (design.T @ weights)

    return max(map(solved, _NOISES), key=lambda found: found[0])[1]


def _driver(name: str, dimension: Dimension, effects: NDArray[np.float64]) -> Driver:
    if isinstance(dimension, Choice):
        low, high = int(effects.argmin()), int(effects.argmax())
        factor = math.exp(float(effects[high] - effects[low]))
        return Driver(name, dimension.options[low], dimension.options[high], factor)
    ends = (dimension.low, dimension.high) if effects[0] > 0 else (dimension.high, dimension.low)
    return Driver(name, *ends, math.exp(abs(float(effects[0]))))
