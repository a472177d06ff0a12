"""The arithmetic of a comparison: intervals, paired tests, best so far, ranks, random search from a pool.

Losses: lower is better, None is a failed evaluation. A failure ranks behind every number.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Loss = float | None

_RESAMPLES = 2000


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


def bootstrap_interval(values: Sequence[float], level: float = 0.95, seed: int = 0) -> Interval:
    """The percentile bootstrap interval of the mean; a single value is its own interval.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("an interval of no values")
    sample = np.asarray(values, dtype=float)
    picked = np.random.default_rng(seed).integers(len(sample), size=(_RESAMPLES, len(sample)))
    low, high = np.quantile(sample[picked].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def paired_p(a: Sequence[float], b: Sequence[float]) -> float | None:
    """The two-sided p-value of Wilcoxon's signed-rank test; None where no pair differs.

    `a[i]` and `b[i]` are one pair. With n pairs that differ the smallest possible value is 2 / 2**n.

    Raises:
        ValueError: the lengths differ.
    """
    if len(a) != len(b):
        raise ValueError(f"pairs need equal lengths, got {len(a)} and {len(b)}")
    differences = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    if not np.any(differences):
        return None
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences).pvalue)


def best_so_far(losses: Sequence[Loss]) -> list[Loss]:
    """The lowest loss up to each evaluation; None until the first that did not fail."""
    best = math.inf
    course: list[Loss] = []
    for loss in losses:
        if loss is not None:
            best = min(best, loss)
        course.append(None if math.isinf(best) else best)
    return course


def ranks(losses: Sequence[Loss]) -> list[float]:
    """The rank of each loss, 1 the lowest; equals share the mean of their ranks, failures the last ones."""
    from scipy.stats import rankdata

    return [float(rank) for rank in rankdata([math.inf if loss is None else loss for loss in losses])]


def random_runs(pool: Sequence[Loss], budget: int, draws: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """Random search, resampled from a stored pool of evaluated random points.

    Returns:
        (draws, budget) float64: the best so far of each run, infinite until its first success. The points of
        a run are drawn with replacement, as in arXiv 2312.04528, section 4.

    Raises:
        ValueError: the pool is empty.
    """
    if not len(pool):
        raise ValueError("random search needs a pool of evaluated points")
    losses = np.array([math.inf if loss is None else loss for loss in pool])
    picked = np.random.default_rng(seed).integers(len(losses), size=(draws, budget))
    course: NDArray[np.float64] = np.minimum.accumulate(losses[picked], axis=1)
    return course


def expected_best(pool: Sequence[Loss], budget: int, draws: int = 1000, seed: int = 0) -> float:
    """The mean best loss of random search within `budget` evaluations; infinite if some run only fails."""
    return float(random_runs(pool, budget, draws, seed)[:, -1].mean())
