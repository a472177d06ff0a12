"""Draws a benchmark: distance from the best against trials and seconds, and points on the landscapes."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.bench.cell import Search
from codegen_hpo.bench.results import Grid, Results
from codegen_hpo.bench.statistics import best_so_far
from codegen_hpo.report.figure import load_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RESAMPLES = 500
_FLOOR = 1e-4  # of the toy landscapes' distance from the optimum, which a plot in logarithms needs
_DPI = 90

Curve = NDArray[np.float64]


class Scale(NamedTuple):
    """How losses of a problem become distances: 0 is the best that is known."""

    best: float
    unit: float


def draw(results: Results, folder: Path) -> list[Path]:
    """The PNG files that were drawn, for each budget that has a whole seed.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    load_pyplot()
    folder.mkdir(parents=True, exist_ok=True)
    return [path for budget in results.budgets for path in _draw(results, results.grid(budget), folder)]


def load_pyplot() -> Any:
    """Matplotlib's pyplot, for files alone. Raises ConfigError if it is not installed."""
    load_matplotlib().use("Agg")
    from matplotlib import pyplot

    return pyplot


def _draw(results: Results, grid: Grid, folder: Path) -> Iterator[Path]:
    if not grid.seeds:
        return
    stem = f"{results.suite}-budget{grid.budget}"
    yield _courses(results, grid, folder / f"{stem}.png")
    if results.suite == "toy":
        yield _each_landscape(grid, folder / f"{stem}-landscapes.png")
        for arm in grid.arms:
            name = arm.replace(", ", "-").replace(" ", "")
            yield _contours(grid, arm, folder / f"{stem}-points-{name}.png")


def _courses(results: Results, grid: Grid, file: Path) -> Path:
    """Distance against trials, and against seconds, averaged over problems."""
    plt = load_pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    scales = {problem: _scale(results, grid, problem) for problem in grid.problems}
    trials = np.arange(1, grid.budget + 1, dtype=float)
    seconds = _second_grid(grid)
    for arm in grid.arms:
        _line(left, trials, _curves(grid, arm, scales, lambda search: _trial_steps(search, trials)), arm)
        _line(right, seconds, _curves(grid, arm, scales, lambda search: _time_steps(search, seconds)), arm)
    left.set(
        yscale="log",
        xlabel="evaluations",
        ylabel="distance from the best known\n(1: the median random point)",
    )
    right.set(xlabel="seconds of proposals and evaluations (processor time)", xscale="log")
    left.set_title(f"{results.suite}: {len(grid.problems)} problems, {len(grid.seeds)} seeds", fontsize=10)
    right.set_title("mean and 95 % bootstrap interval over problems", fontsize=10)
    left.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=_DPI)
    plt.close(figure)
    return file


def _each_landscape(grid: Grid, file: Path) -> Path:
    """Distance from the optimum against trials, in logarithms, one panel a landscape."""
    plt = load_pyplot()
    figure, panels = plt.subplots(2, math.ceil(len(grid.problems) / 2), figsize=(15, 6), squeeze=False)
    trials = np.arange(1, grid.budget + 1, dtype=float)
    for panel, problem in zip(panels.flat, grid.problems, strict=False):
        for arm in grid.arms:
            searches = grid.searches(arm, problem)
            scale = Scale(searches[0].optimum or 0.0, 1.0)
            distances = np.array([(_trial_steps(s, trials) - scale.best) / scale.unit for s in searches])
            _line(panel, trials, np.maximum(distances, _FLOOR), arm)
        panel.set(yscale="log")
        panel.set_title(problem, fontsize=9)
    panels[0][0].legend(fontsize=7)
    figure.supxlabel("evaluations", fontsize=10)
    figure.supylabel("distance from the optimum: mean over seeds, 95 % interval", fontsize=10)
    figure.tight_layout()
    figure.savefig(file, dpi=_DPI)
    plt.close(figure)
    return file


def _contours(grid: Grid, arm: str, file: Path) -> Path:
    """Where the tuner looked with the first seed, numbered in order, on each landscape."""
    from codegen_hpo.bench.toy import LANDSCAPES

    plt = load_pyplot()
    figure, panels = plt.subplots(2, math.ceil(len(grid.problems) / 2), figsize=(15, 6.4), squeeze=False)
    for panel, problem in zip(panels.flat, grid.problems, strict=False):
        landscape = LANDSCAPES[problem]
        x, y = np.meshgrid(np.linspace(*landscape.x, 120), np.linspace(*landscape.y, 120))
        height = np.vectorize(landscape.function)(x, y) - landscape.optimum
        panel.contourf(x, y, np.log10(height + 0.1), levels=20, cmap="viridis_r")
        search = grid.searches(arm, problem)[0]
        places = [(float(e.arguments["x"]), float(e.arguments["y"])) for e in search.evaluations]
        panel.plot(*zip(*places, strict=True), "-o", color="black", linewidth=0.6, markersize=3)
        for number, place in enumerate(places, 1):
            panel.annotate(
                str(number), place, fontsize=7, color="white", xytext=(2, 2), textcoords="offset points"
            )
        panel.set_title(f"{problem}: {search.best.loss:.3g}" if search.best else problem, fontsize=9)
    figure.suptitle(f"{arm}, seed {grid.seeds[0]}: its points in order, and the best value", fontsize=10)
    figure.tight_layout()
    figure.savefig(file, dpi=70)
    plt.close(figure)
    return file


def _line(panel: "Axes", x: Curve, curves: Curve, label: str) -> None:
    """The mean of (n, points) curves with its bootstrap band; nothing where some have no value yet."""
    picked = np.random.default_rng(0).integers(len(curves), size=(_RESAMPLES, len(curves)))
    low, high = np.quantile(curves[picked].mean(axis=1), [0.025, 0.975], axis=0)
    (line,) = panel.plot(x, curves.mean(axis=0), label=label, linewidth=1.4)
    panel.fill_between(x, low, high, color=line.get_color(), alpha=0.15, linewidth=0)


def _curves(grid: Grid, arm: str, scales: dict[str, Scale], steps: Callable[[Search], Curve]) -> Curve:
    """One curve a problem, (problems, points): the mean over seeds of the scaled distance."""
    rows = []
    for problem in grid.problems:
        scale = scales[problem]
        courses = np.array([steps(search) for search in grid.searches(arm, problem)])
        rows.append(((courses - scale.best) / scale.unit).mean(axis=0))
    return np.array(rows)


def _scale(results: Results, grid: Grid, problem: str) -> Scale:
    """The optimum or the best loss of all, and the way from there to a median random point."""
    searches = [search for arm in grid.arms for search in grid.searches(arm, problem)]
    pool = results.pools.get(problem)
    known = [loss for s in [*searches, *([pool] if pool else [])] for loss in s.losses if loss is not None]
    optimum = searches[0].optimum
    best = min(known) if optimum is None else optimum
    firsts = pool.losses if pool else [search.losses[0] for search in searches]
    typical = float(np.median([loss for loss in firsts if loss is not None]))
    return Scale(best, typical - best if typical > best else 1.0)


def _trial_steps(search: Search, trials: Curve) -> Curve:
    """The best so far after each number of trials; a search that ended early keeps its last."""
    course = _course(search)
    return np.array([course[min(int(trial), len(course)) - 1] for trial in trials])


def _time_steps(search: Search, seconds: Curve) -> Curve:
    """The best so far at each time; NaN before the first evaluation ended."""
    ends = list(accumulate(e.spent.seconds + e.seconds for e in search.evaluations))
    course = [math.nan, *_course(search)]
    return np.array([course[int(np.searchsorted(ends, second, side="right"))] for second in seconds])


def _course(search: Search) -> list[float]:
    return [math.nan if loss is None else loss for loss in best_so_far(search.losses)]


def _second_grid(grid: Grid) -> Curve:
    """Times, evenly spaced in logarithms, from when the first evaluations ended to the end of the longest."""
    spans = [_span(search) for search in grid.cells.values()]
    return np.geomspace(max(min(s[0] for s in spans), 1e-4), max(s[1] for s in spans), 80)


def _span(search: Search) -> tuple[float, float]:
    costs: Sequence[float] = [e.spent.seconds + e.seconds for e in search.evaluations]
    return costs[0], sum(costs)
