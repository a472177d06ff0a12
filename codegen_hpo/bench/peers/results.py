"""What was measured: one cell an arm, table and time limit, kept in files and read back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from codegen_hpo.bench.data_page import read_data, write_data
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.peers.table import Facts, PeerTable
from codegen_hpo.bench.statistics import ranks
from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.space import Scalar
from codegen_hpo.task import METRICS

SUITE = "peers"

Status = Literal["ok", "failed", "killed", "not installed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One arm on one table within one time limit."""

    arm: str
    table: str
    limit_s: float  # that the arm was given for fitting
    status: Status
    seconds: float = 0.0  # wall time of its process: imports, reading, fitting, predicting
    score: float | None = None  # the table's metric on the test rows
    error: str = ""
    note: str = ""  # what the arm says it did
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Of its file, below the benchmark's folder."""
        return f"results/{self.table}/{self.arm}-{self.limit_s:g}s.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All that was measured, and how."""

    facts: Mapping[str, Scalar]
    commands: tuple[str, ...]
    tables: tuple[Facts, ...]
    cells: tuple[Cell, ...]

    @property
    def limits(self) -> list[float]:
        return sorted({cell.limit_s for cell in self.cells})

    def scored(self, limit_s: float) -> dict[tuple[str, str], Cell]:
        """The cells of one limit by arm and table, without arms that are not installed."""
        return {
            (cell.arm, cell.table): cell
            for cell in self.cells
            if cell.limit_s == limit_s and cell.status != "not installed"
        }

    def ranked(self, limit_s: float) -> dict[str, dict[str, float]]:
        """By table and arm, the rank of the test score, 1 the best; one that failed is last.

        Equals share the mean of their ranks. Tables that some arm has not run on yet are left out: a mean of
        ranks over other tables would not be comparable.
        """
        cells = self.scored(limit_s)
        arms = list(dict.fromkeys(arm for arm, _ in cells))
        by_table: dict[str, dict[str, float]] = {}
        for table in self.tables:
            metric = METRICS[table.metric]
            if not all((arm, table.name) in cells for arm in arms):
                continue
            scores = [cells[arm, table.name].score for arm in arms]
            losses = [None if score is None else metric.loss(score) for score in scores]
            by_table[table.name] = dict(zip(arms, ranks(losses), strict=True))
        return by_table

    def to_json(self) -> dict[str, Any]:
        """A strict-JSON mapping of everything."""
        return {
            "suite": SUITE,
            "facts": dict(self.facts),
            "commands": list(self.commands),
            "tables": [asdict(table) for table in self.tables],
            "cells": [asdict(cell) for cell in self.cells],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Results":
        """What `to_json` told of."""
        return cls(
            facts=data["facts"],
            commands=tuple(data["commands"]),
            tables=tuple(Facts.from_json(table) for table in data["tables"]),
            cells=tuple(Cell(**cell) for cell in data["cells"]),
        )


def read_cell(folder: Path, cell: Cell) -> Cell | None:
    """What is kept of a cell; None where there is nothing."""
    path = folder / cell.path
    if not path.exists():
        return None
    with reading(path):
        return Cell(**read_data(path))


def write_cell(folder: Path, cell: Cell) -> None:
    """Keeps a cell."""
    write_data(asdict(cell), folder / cell.path)


def read_results(path: Path) -> Results:
    """The results in a benchmark's folder, or in the file beside its page. Raises ConfigError."""
    if path.is_file():
        with reading(path):
            return Results.from_json(read_data(path))
    about = BenchFolder(path).about()
    tables = tuple(PeerTable.open(file.parent).facts for file in sorted(path.glob("tables/*/table.json")))
    cells = []
    for file in sorted(path.glob("results/*/*.json")):
        with reading(file):
            cells.append(Cell(**read_data(file)))
    if not cells:
        raise ConfigError(f"{path} holds no result yet", hint="codegen-hpo bench peers makes them")
    return Results(facts=about["facts"], commands=tuple(about["commands"]), tables=tables, cells=tuple(cells))
