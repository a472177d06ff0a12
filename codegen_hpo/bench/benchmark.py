"""Carries out the cells of a benchmark, several at once."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from itertools import product
from multiprocessing import get_context
from typing import NamedTuple

from codegen_hpo.bench.cell import POOL, Cell, Search
from codegen_hpo.bench.evaluator import Evaluator
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.problem import Suite
from codegen_hpo.bench.processes import begin
from codegen_hpo.bench.search import Means, run_cell
from codegen_hpo.errors import ConfigError
from codegen_hpo.tuner.names import check_tuner, needs_model


class Tuners(NamedTuple):
    """Those that take part, and those that are left out for want of a model."""

    present: tuple[str, ...]
    left_out: tuple[str, ...]


def choose_tuners(names: Sequence[str], *, has_model: bool) -> Tuners:
    """The tuners of these names. Raises ConfigError for one that cannot be, or if none is left."""
    for name in names:
        check_tuner(name, with_model=True)
    left_out = tuple(name for name in names if needs_model(name) and not has_model)
    present = tuple(name for name in names if name not in left_out)
    if not present:
        raise ConfigError(
            f"{', '.join(left_out)}: a language model is needed, and none is configured",
            hint="set OPENAI_API_KEY or give --base-url; the tuners random and tpe need none",
        )
    return Tuners(present, left_out)


def cells_of(
    problems: Sequence[str],
    tuners: Sequence[str],
    *,
    seeds: int,
    budget: int,
    framings: Sequence[int] = (),
    pool: int = 0,
) -> Iterator[Cell]:
    """The cells of a benchmark: a tuner with a model once for each framing, all others once.

    Args:
        pool: how many random points are evaluated on each problem; 0 for no pool.
    """
    if pool:
        yield from (Cell(problem, POOL, 0, pool) for problem in problems)
    for seed in range(seeds):  # outermost: a benchmark that is stopped has whole seeds to compare
        for problem, tuner in product(problems, tuners):
            for framing in (framings or (None,)) if needs_model(tuner) else (None,):
                yield Cell(problem, tuner, seed, budget, framing)


def run_benchmark(
    suite: Suite,
    cells: Sequence[Cell],
    folder: BenchFolder,
    means: Means,
    *,
    jobs: int | None = None,
    command: str = "",
    done: Callable[[Search], None] = lambda search: None,
) -> None:
    """Carries out the cells that are not finished; `done` is told of each.

    Args:
        jobs: processes; by default one a core.
        command: what was typed, for the record.

    Raises:
        ConfigError, EndpointError: as `run_cell`; what was finished is kept, and a second run goes on.
    """
    folder.agree(suite.name, suite.facts(), command)
    begun = {cell: folder.read(cell) for cell in cells}
    for search in filter(None, begun.values()):
        means.check(search)
    missing = [cell for cell, search in begun.items() if not (search and search.finished)]
    jobs = min(jobs or os.cpu_count() or 1, len(missing))
    if not missing:
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=begin) as pool:
        futures = [pool.submit(_run, suite, cell, folder, means) for cell in missing]
        try:
            for future in as_completed(futures):
                done(future.result())
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _run(suite: Suite, cell: Cell, folder: BenchFolder, means: Means) -> Search:
    return run_cell(suite, cell, folder, _evaluator(suite, folder), means)  # type: ignore[arg-type] # mypy: a protocol is not hashable


@cache
def _evaluator(suite: Suite, folder: BenchFolder) -> Evaluator:
    """A process's own, kept from cell to cell: its child has scikit-learn imported and the table read."""
    return Evaluator(suite, folder.cache() if suite.limit_s else None)
