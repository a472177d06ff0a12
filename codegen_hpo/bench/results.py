"""The results of a benchmark, read from its folder or from one compact file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from codegen_hpo.bench.cell import POOL, Cell, Evaluation, Search, Spent
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.space import Scalar
from codegen_hpo.tuner.names import TUNERS

_DIGITS = 6  # significant ones kept in the compact file
_PLAIN = [field.name for field in fields(Evaluation) if field.name not in ("arguments", "spent")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All finished searches of one benchmark."""

    suite: str
    facts: Mapping[str, Scalar]
    commands: tuple[str, ...]
    searches: tuple[Search, ...]  # without the pools
    pools: Mapping[str, Search]  # by problem

    @property
    def budgets(self) -> list[int]:
        return sorted({search.cell.budget for search in self.searches})

    @property
    def versions(self) -> list[dict[str, str]]:
        """The different sets of versions at work, usually one."""
        found: list[dict[str, str]] = []
        for search in (*self.searches, *self.pools.values()):
            if search.versions not in found:
                found.append(search.versions)
        return found

    def grid(self, budget: int) -> "Grid":
        """The searches of one budget. Raises ConfigError if there are none."""
        cells = {
            (s.cell.arm, s.cell.problem, s.cell.seed): s for s in self.searches if s.cell.budget == budget
        }
        if not cells:
            raise ConfigError(f"no search of {budget} evaluations was finished")
        problems = list(dict.fromkeys(problem for _, problem, _ in cells))
        by_tuner = sorted(cells.values(), key=lambda s: (TUNERS.index(s.cell.tuner), s.cell.arm))
        arms = list(dict.fromkeys(search.cell.arm for search in by_tuner))
        return Grid(budget=budget, cells=cells, problems=problems, arms=arms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The searches of one budget, by arm, problem and seed."""

    budget: int
    cells: Mapping[tuple[str, str, int], Search]
    problems: Sequence[str]
    arms: Sequence[str]

    @property
    def seeds(self) -> list[int]:
        """Those with which every arm searched every problem: only these are compared."""
        found = sorted({seed for _, _, seed in self.cells})
        return [
            seed
            for seed in found
            if all((arm, problem, seed) in self.cells for arm in self.arms for problem in self.problems)
        ]

    def searches(self, arm: str, problem: str) -> list[Search]:
        """One search a seed."""
        return [self.cells[arm, problem, seed] for seed in self.seeds]


def suite_of(path: Path) -> str:
    """Which benchmark a folder, or a file made of one, is about. Raises ConfigError."""
    if not path.is_file():
        return str(BenchFolder(path).about()["suite"])
    with reading(path):
        suite = json.loads(path.read_text(encoding="utf-8")).get("suite")
    if not suite:
        raise ConfigError(
            f"{path} holds no results of a benchmark",
            hint="give the folder of one, or the JSON file beside its page",
        )
    return str(suite)


def read_results(path: Path) -> Results:
    """The results in a benchmark's folder, or in a file that `write_results` wrote. Raises ConfigError."""
    if path.is_file():
        with reading(path):
            return _from_compact(json.loads(path.read_text(encoding="utf-8")))
    folder = BenchFolder(path)
    about = folder.about()
    return _gathered(about["suite"], about["facts"], about["commands"], list(folder.searches()))


def write_results(results: Results, file: Path) -> None:
    """Writes one file that holds every evaluation; numbers are rounded to six significant digits."""
    versions = results.versions
    searches = (*results.pools.values(), *results.searches)
    lines = [json.dumps(_compact(s, versions.index(s.versions))) for s in searches]
    head = {
        "suite": results.suite,
        "facts": dict(results.facts),
        "commands": results.commands,
        "versions": versions,
    }
    text = (
        json.dumps(head, indent=1).removesuffix("\n}")
        + ',\n "searches": [\n'
        + ",\n".join(lines)
        + "\n ]\n}\n"
    )
    file.write_text(text, encoding="utf-8")


def _gathered(
    suite: str, facts: Mapping[str, Scalar], commands: Sequence[str], searches: Sequence[Search]
) -> Results:
    pools = [search for search in searches if search.cell.tuner == POOL]
    return Results(
        suite=suite,
        facts=facts,
        commands=tuple(commands),
        searches=tuple(s for s in searches if s.cell.tuner != POOL),
        pools={s.cell.problem: s for s in sorted(pools, key=lambda s: s.cell.budget)},  # the largest of each
    )


def _compact(search: Search, versions: int) -> dict[str, Any]:
    """One column a field; a column that never changes is its value."""
    evaluations = search.evaluations
    columns = {name: _column([getattr(e, name) for e in evaluations]) for name in _PLAIN}
    spent = {name: _column([getattr(e.spent, name) for e in evaluations]) for name in Spent._fields}
    names = evaluations[0].arguments if evaluations else {}
    return {
        "cell": list(search.cell),
        "optimum": search.optimum,
        "model": search.model,
        "options": search.options,
        "ended": search.ended,
        "versions": versions,
        "count": len(evaluations),
        "arguments": {name: _column([e.arguments[name] for e in evaluations]) for name in names},
        "spent": spent,
        **columns,
    }


def _column(values: Sequence[Any]) -> Any:
    rounded = [float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value for value in values]
    same = all(value == rounded[0] and type(value) is type(rounded[0]) for value in rounded)
    return rounded[0] if rounded and same else rounded


def _from_compact(data: dict[str, Any]) -> Results:
    searches = [_search(row, data["versions"]) for row in data["searches"]]
    return _gathered(data["suite"], data["facts"], data["commands"], searches)


def _search(row: dict[str, Any], versions: Sequence[dict[str, str]]) -> Search:
    def at(column: Any, i: int) -> Any:
        return column[i] if isinstance(column, list) else column

    evaluations = tuple(
        Evaluation(
            arguments={name: at(column, i) for name, column in row["arguments"].items()},
            spent=Spent(**{name: at(column, i) for name, column in row["spent"].items()}),
            **{name: at(row[name], i) for name in _PLAIN},
        )
        for i in range(row["count"])
    )
    return Search(
        cell=Cell(*row["cell"]),
        optimum=row["optimum"],
        model=row["model"],
        options=row["options"],
        ended=row["ended"],
        evaluations=evaluations,
        versions=versions[row["versions"]],
    )
