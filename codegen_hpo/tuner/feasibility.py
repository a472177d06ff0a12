"""Which points are likely to fail, learnt from the trials."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.records import Trial
from codegen_hpo.space import Arguments, Choice, Space
from codegen_hpo.tuner import points
from codegen_hpo.tuner.classical import finite_loss


def feasibility(space: Space, told: Sequence[Trial]) -> Callable[[Arguments], bool]:
    """Whether a point is likely to succeed: whether the trial nearest to it did.

    The distance is Euclidean in the shares of the ranges; two options of a choice are as far apart as the
    ends of a range. The nearest trial needs no setting and speaks from the first failure on. Everything is
    likely to succeed as long as no trial failed or all did.
    """
    failed = np.array([finite_loss(trial) is None for trial in told], dtype=bool)
    if failed.all() or not failed.any():
        return lambda arguments: True
    known = np.array([_coordinates(space, trial.call.arguments) for trial in told])  # (trials, coordinates)

    def likely(arguments: Arguments) -> bool:
        nearest = np.argmin(((known - _coordinates(space, arguments)) ** 2).sum(axis=1))
        return not failed[nearest]

    return likely


def _coordinates(space: Space, arguments: Arguments) -> NDArray[np.float64]:
    """The point, (coordinates,) float64 in 0 to 1: a share for a number, one for each option of a choice."""
    found: list[float] = []
    for name, dimension in space.items():
        value = arguments[name]
        if isinstance(dimension, Choice):
            chosen = points.option_index(dimension, value)
            found += [0.5**0.5 * (i == chosen) for i in range(len(dimension.options))]
        else:
            found.append(points.share(dimension, float(value)))
    return np.array(found)
