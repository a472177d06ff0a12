"""What the trainings gave, kept in one file a table and seed, and the effect of each ingredient."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from codegen_hpo.bench.ablation.ingredients import Ingredient
from codegen_hpo.bench.ablation.trainings import Trained
from codegen_hpo.bench.data_page import read_data, write_data
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.peers.table import Facts, PeerTable
from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.space import Scalar
from codegen_hpo.task import METRICS

SUITE = "ablation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An ingredient on one table: test errors without and with it, a pair a seed."""

    without: tuple[float, ...]
    with_it: tuple[float, ...]

    @property
    def changes(self) -> list[float]:
        """The relative change of the error of each pair; below zero is better."""
        return [(after - before) / before for before, after in zip(self.without, self.with_it, strict=True)]

    @property
    def change(self) -> float:
        """The median of the changes."""
        return median(self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All trainings of a benchmark."""

    facts: Mapping[str, Scalar]
    commands: tuple[str, ...]
    tables: tuple[Facts, ...]
    trainings: Mapping[str, Mapping[int, Mapping[str, Trained]]]  # by table, seed and setup

    def effect(self, ingredient: Ingredient, table: Facts) -> Effect | None:
        """The ingredient's effect over the seeds with both trainings; None if there are none."""
        if table.kind not in ingredient.kinds:
            return None
        pairs = []
        for trained in self.trainings.get(table.name, {}).values():
            without, with_it = trained.get(ingredient.without.name), trained.get(ingredient.with_it.name)
            if without and with_it and without.score is not None and with_it.score is not None:
                pairs.append((error(table, without.score), error(table, with_it.score)))
        if not pairs:
            return None
        return Effect(without=tuple(p[0] for p in pairs), with_it=tuple(p[1] for p in pairs))

    def to_json(self) -> dict[str, Any]:
        """A strict-JSON mapping of everything."""
        return {
            "suite": SUITE,
            "facts": dict(self.facts),
            "commands": list(self.commands),
            "tables": [asdict(table) for table in self.tables],
            "trainings": {
                table: {str(seed): _plain(trained) for seed, trained in seeds.items()}
                for table, seeds in self.trainings.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Results":
        """What `to_json` told of."""
        return cls(
            facts=data["facts"],
            commands=tuple(data["commands"]),
            tables=tuple(Facts.from_json(table) for table in data["tables"]),
            trainings={
                table: {int(seed): _trained(rows) for seed, rows in seeds.items()}
                for table, seeds in data["trainings"].items()
            },
        )


def error(table: Facts, score: float) -> float:
    """The score as an error: itself where lower is better, else what it lacks to 1."""
    return 1.0 - score if METRICS[table.metric].higher_is_better else score


def read_trained(folder: Path, table: str, seed: int) -> dict[str, Trained]:
    """The trainings that are kept of a table and seed, by setup."""
    path = folder / "results" / table / f"seed{seed}.json"
    if not path.exists():
        return {}
    with reading(path):
        return _trained(read_data(path))


def write_trained(folder: Path, table: str, seed: int, trained: Mapping[str, Trained]) -> None:
    """Keeps the trainings of a table and seed."""
    write_data(_plain(trained), folder / "results" / table / f"seed{seed}.json")


def read_results(path: Path) -> Results:
    """The results in a benchmark's folder, or in the file beside its page. Raises ConfigError."""
    if path.is_file():
        with reading(path):
            return Results.from_json(read_data(path))
    about = BenchFolder(path).about()
    tables = tuple(PeerTable.open(file.parent).facts for file in sorted(path.glob("tables/*/table.json")))
    trainings = {table.name: _seeds(path, table.name) for table in tables}
    if not any(trainings.values()):
        raise ConfigError(f"{path} holds no training yet", hint="codegen-hpo bench ablation makes them")
    return Results(
        facts=about["facts"], commands=tuple(about["commands"]), tables=tables, trainings=trainings
    )


def _seeds(folder: Path, table: str) -> dict[int, dict[str, Trained]]:
    files = sorted((folder / "results" / table).glob("seed*.json"))
    seeds: Sequence[int] = [int(file.stem.removeprefix("seed")) for file in files]
    return {seed: read_trained(folder, table, seed) for seed in seeds}


def _plain(trained: Mapping[str, Trained]) -> dict[str, Any]:
    return {name: row._asdict() for name, row in trained.items()}


def _trained(rows: Mapping[str, Any]) -> dict[str, Trained]:
    return {name: Trained(**row) for name, row in rows.items()}
