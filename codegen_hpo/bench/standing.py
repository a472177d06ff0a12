"""How each tuner stands against random search, as tables 1 to 3 of arXiv 2312.04528 tell it.

The change on a problem is (r - v) / r: v is the mean over seeds of the best loss that the tuner found, r is
the mean best loss of random search with the same budget, resampled from a pool. Above zero is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.bench.results import Grid, Results
from codegen_hpo.bench.statistics import Interval, Loss, expected_best, paired_p, ranks

_RESAMPLES = 2000

Table = NDArray[np.float64]


class Share(NamedTuple):
    """A figure with its 95 % interval, by bootstrap over problems and, within them, over seeds."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row of the table."""

    arm: str
    beats: float  # share of the problems on which the tuner is better than random search
    median_change: Share
    mean_change: Share
    mean_rank: float  # among the tuners of the table; equals share the mean of their ranks
    p: float | None  # of the changes, a pair a problem: Wilcoxon's signed-rank test against zero
    sealed: float  # mean test error of the configuration that was best on the validation rows
    failed: float  # share of the evaluations
    ask_s: float  # seconds for a proposal, mean


class Standings(NamedTuple):
    rows: list[Standing]
    left_out: list[str]  # problems without a change: random search reaches 0, or a tuner only failed


def standings(results: Results, budget: int) -> Standings:
    """One row a tuner, over the problems with a pool and the seeds with which all tuners searched them."""
    grid = results.grid(budget)
    levels = {
        problem: expected_best(results.pools[problem].losses, budget)
        for problem in grid.problems
        if problem in results.pools
    }
    usable = [
        problem
        for problem, level in levels.items()
        if 0 < level < np.inf and not np.isnan([_best(grid, arm, problem) for arm in grid.arms]).any()
    ]
    random = np.array([levels[problem] for problem in usable])
    places = mean_ranks(grid, usable)
    rows = [_standing(grid, arm, usable, random, places[arm]) for arm in grid.arms] if usable else []
    return Standings(rows, [problem for problem in grid.problems if problem not in usable])


def _standing(grid: Grid, arm: str, problems: Sequence[str], random: Table, rank: float) -> Standing:
    best = np.array([_best(grid, arm, problem) for problem in problems])  # (problems, seeds)
    changes = (random - best.mean(axis=1)) / random
    resampled = _resampled(best, random)
    searches = [search for problem in problems for search in grid.searches(arm, problem)]
    evaluations = [evaluation for search in searches for evaluation in search.evaluations]
    sealed = [s.best.sealed for s in searches if s.best and s.best.sealed is not None]
    return Standing(
        arm=arm,
        beats=float(np.mean(changes > 0)),
        median_change=Share(float(np.median(changes)), _interval(np.median(resampled, axis=1))),
        mean_change=Share(float(changes.mean()), _interval(resampled.mean(axis=1))),
        mean_rank=rank,
        p=paired_p(changes, np.zeros_like(changes)),
        sealed=float(np.mean(sealed)) if sealed else float("nan"),
        failed=float(np.mean([evaluation.loss is None for evaluation in evaluations])),
        ask_s=float(np.mean([evaluation.spent.seconds for evaluation in evaluations])),
    )


def _best(grid: Grid, arm: str, problem: str) -> list[float]:
    """The lowest loss of each seed; NaN where all failed."""
    found = [search.best for search in grid.searches(arm, problem)]
    return [best.loss if best and best.loss is not None else float("nan") for best in found]


def _resampled(best: Table, random: Table) -> Table:
    """The changes of resampled problems and seeds: (resamples, problems)."""
    generator = np.random.default_rng(0)
    problems, seeds = best.shape
    picked = generator.integers(problems, size=(_RESAMPLES, problems))
    seed = generator.integers(seeds, size=(_RESAMPLES, problems, seeds))
    means = best[picked[:, :, None], seed].mean(axis=2)
    changes: Table = (random[picked] - means) / random[picked]
    return changes


def _interval(values: Table) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(low), float(high))


def mean_ranks(grid: Grid, problems: Sequence[str]) -> dict[str, float]:
    """The mean rank of each tuner over problems and seeds, 1 the best; equals share their mean."""
    found: list[list[float]] = []
    for problem in problems:
        for seed in grid.seeds:
            bests = [grid.cells[arm, problem, seed].best for arm in grid.arms]
            losses: list[Loss] = [best.loss if best else None for best in bests]
            found.append(ranks(losses))
    means = np.mean(found, axis=0) if found else np.full(len(grid.arms), np.nan)
    return dict(zip(grid.arms, means.tolist(), strict=True))
