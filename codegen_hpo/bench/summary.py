"""A benchmark's results as a Markdown page: tables, seeds, versions, and what the figures do not say."""

import math
from collections.abc import Sequence

import numpy as np

from codegen_hpo.bench.results import Grid, Results
from codegen_hpo.bench.standing import Share, mean_ranks, standings
from codegen_hpo.bench.statistics import bootstrap_interval, paired_p
from codegen_hpo.errors import ConfigError

# table 7 of arXiv 2312.04528: the mean and spread of random search, as printed there
_PAPER_RANDOM = {
    "ackley": "5.28 ± 1.73",
    "ackley-shifted": "5.26 ± 1.74",
    "branin": "5.83 ± 5.57",
    "branin-shifted": "7.13 ± 6.00",
    "rosenbrock": "481.34 ± 998.30",
    "rosenbrock-shifted": "618.82 ± 1691.99",
    "himmelblau": "20.39 ± 19.93",
    "himmelblau-shifted": "21.47 ± 20.00",
    "quadratic": "4.72 ± 5.76",
    "quadratic-ill": "15.14 ± 17.61",
}
_SMALLEST = 1e-12  # a distance from the optimum below this one counts as this one, in logarithms

_TOY_NOTES = """\
- The paper's shift and quadratics are not known to us: those rows of its random column are not comparable
  with ours. Its boxes are not printed either; ours give its random column for the unshifted functions.
- The first points of most tuners are random; with ten evaluations that is much of the search. CMA-ES begins
  around the middle of the box, where Ackley has its minimum and the quadratics nearly have theirs.
- p: Wilcoxon's signed-rank test on the logarithm of the distance from the optimum, averaged over seeds, a
  pair a landscape, against the tuner `random`. With ten landscapes it cannot fall below 0.002. No
  correction for several tuners."""

_SKLEARN_NOTES = """\
- The figures cannot be compared with the paper's tables 1 to 3. It used HPOBench, whose released code trains
  on the validation rows as well and draws its rows anew at each call; here training, validation and test
  rows are apart and each configuration has one value. Tables, rows, trees and epochs differ, too.
- Change on a problem: (r - v) / r, v the mean over seeds of the best validation error found, r the mean best
  validation error of random search, resampled from the pool of random points. Above zero is better.
- Beats random: the share of problems with a change above zero. A tie counts as not beaten.
- Intervals: 95 %, bootstrap over problems and, within them, over seeds; the pool is taken as it is.
- p: Wilcoxon's signed-rank test of the changes, a pair a problem. No correction for several tuners. It takes
  the problems for independent, which they are not: with one seed a tuner begins with the same random points
  on all tables of a model. The row of `random`, the same method as its reference, shows by how much luck of
  these draws moves a row, and how far such a p can be trusted.
- `cmaes` draws around the defaults of the space from the start; the other classical tuners do not know them.
- Mean rank: among the tuners of the table, for each problem and seed; equals share the mean of their ranks.
- Test error: on sealed rows, of the configuration with the best validation error; no tuner was told it.
- A failed evaluation (above the time limit, or not finite) ranks behind every other."""


def page(results: Results) -> str:
    """The page, without plots."""
    tables = {"toy": _toy, "sklearn": _sklearn}.get(results.suite)
    if tables is None:
        raise ConfigError(f"there is no page for the benchmark {results.suite!r}")
    blocks = [f"# Benchmark: {results.suite}", _commands(results)]
    for budget in results.budgets:
        grid = results.grid(budget)
        if not grid.seeds:
            blocks.append(f"## Evaluations: {budget}\n\nNo seed was finished by every tuner yet.")
            continue
        sizes = f"seeds: {len(grid.seeds)} ({_span(grid.seeds)}); problems: {len(grid.problems)}"
        blocks += [f"## Evaluations: {budget}; {sizes}", *tables(results, grid)]
    return "\n\n".join([*blocks, _provenance(results)]) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are set flush right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def _toy(results: Results, grid: Grid) -> list[str]:
    means, seeds = [], []
    for problem in grid.problems:
        optimum = grid.searches(grid.arms[0], problem)[0].optimum or 0.0
        cells, single = [], []
        for arm in grid.arms:
            best = _bests(grid, arm, problem)
            cells.append(_mean(best))
            single.append(", ".join(_short(value) for value in best))
        means.append([problem, _short(optimum), *cells, _PAPER_RANDOM.get(problem, "")])
        seeds.append([problem, *single])
    logs = {arm: _log_regret(grid, arm) for arm in grid.arms}
    against = [_against_random(logs, arm) for arm in grid.arms]
    overall = [
        ["mean rank", "", *(f"{rank:.2f}" for rank in mean_ranks(grid, grid.problems).values()), ""],
        ["p against random", "", *against, ""],
    ]
    return [
        "Best value found: mean over the seeds, with the 95 % bootstrap interval of the mean.",
        table(["landscape", "optimum", *grid.arms, "the paper's random (mean ± sd)"], [*means, *overall]),
        "Best value found with each seed.",
        table(["landscape", *grid.arms], seeds),
        _TOY_NOTES,
    ]


def _sklearn(results: Results, grid: Grid) -> list[str]:
    found = standings(results, grid.budget)
    rows = [
        [
            row.arm,
            f"{100 * row.beats:.1f} %",
            _percent(row.median_change),
            _percent(row.mean_change),
            f"{row.mean_rank:.2f}",
            "–" if row.p is None else f"{row.p:.2g}",
            f"{row.sealed:.4f}",
            f"{100 * row.failed:.1f} %",
            f"{row.ask_s:.2f} s",
        ]
        for row in found.rows
    ]
    head = ["tuner", "beats random", "median change", "mean change", "mean rank", "p", "test error", "failed"]
    blocks = [
        f"Against random search, resampled from a pool of {_pool_sizes(results)} random points a problem.",
        table([*head, "a proposal"], rows),
    ]
    if found.left_out:
        blocks.append(
            "Left out, as random search reaches an error of 0 there, or for want of a pool: "
            f"{', '.join(found.left_out)}."
        )
    by_problem = [
        [problem, *(_mean(_bests(grid, arm, problem), digits=4) for arm in grid.arms)]
        for problem in grid.problems
    ]
    return [
        *blocks,
        "Best validation error: mean over the seeds, with its 95 % bootstrap interval.",
        table(["problem", *grid.arms], by_problem),
        _SKLEARN_NOTES,
    ]


def _bests(grid: Grid, arm: str, problem: str) -> list[float]:
    """The best loss of each seed; NaN where every evaluation failed."""
    found = [search.best for search in grid.searches(arm, problem)]
    return [best.loss if best and best.loss is not None else math.nan for best in found]


def _log_regret(grid: Grid, arm: str) -> list[float]:
    """The mean over seeds of log10 of the distance from the optimum, a landscape each."""
    means = []
    for problem in grid.problems:
        optimum = grid.searches(arm, problem)[0].optimum or 0.0
        distances = [max(best - optimum, _SMALLEST) for best in _bests(grid, arm, problem)]
        means.append(float(np.mean(np.log10(distances))))
    return means


def _against_random(logs: dict[str, list[float]], arm: str) -> str:
    if arm == "random" or "random" not in logs:
        return "–"
    p = paired_p(logs[arm], logs["random"])
    return "–" if p is None else f"{p:.2g}"


def _mean(values: Sequence[float], digits: int = 3) -> str:
    if any(math.isnan(value) for value in values):
        return "–"
    low, high = bootstrap_interval(values)
    return f"{np.mean(values):.{digits}g} [{low:.{digits}g}, {high:.{digits}g}]"


def _short(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"


def _percent(share: Share) -> str:
    return f"{100 * share.value:+.2f} % [{100 * share.interval.low:+.2f}, {100 * share.interval.high:+.2f}]"


def _span(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])


def _pool_sizes(results: Results) -> str:
    sizes = sorted({len(search.evaluations) for search in results.pools.values()})
    return " or ".join(map(str, sizes)) or "0"


def _commands(results: Results) -> str:
    typed = "\n".join(results.commands) or "(not recorded)"
    return f"Made by:\n\n```\n{typed}\n```"


def _provenance(results: Results) -> str:
    facts = [f"- {name}: {value}" for name, value in results.facts.items()]
    sets = [
        "- " + ", ".join(f"{name} {version}" for name, version in versions.items())
        for versions in results.versions
    ]
    asked = _asked(results) or ["- no language model took part: tuners that ask one are left out"]
    return "\n".join(["## What the values depend on", "", *facts, *asked, "", "Versions at work:", "", *sets])


def _asked(results: Results) -> list[str]:
    """A line a tuner that asked a model: which one, what it took, and how often another tuner stepped in."""
    lines = []
    for arm in sorted({search.cell.arm for search in results.searches if search.model}):
        searches = [search for search in results.searches if search.cell.arm == arm]
        evaluations = [evaluation for search in searches for evaluation in search.evaluations]
        totals = [sum(e.spent[i] for e in evaluations) for i in (1, 2, 3)]
        asked = f"asked {searches[0].model} with {searches[0].options}; {totals[0]} requests"
        tokens = f"{totals[1]} prompt and {totals[2]} completion tokens"
        others = f"{sum(bool(e.fallback) for e in evaluations)} of {len(evaluations)} proposals"
        lines.append(f"- {arm}: {asked}, {tokens}; {others} were another tuner's, made in its place")
    return lines
