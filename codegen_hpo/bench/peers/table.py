"""A table cut once into rows to learn from and sealed rows, as files that every arm reads alike."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.table.kind import Kind
from codegen_hpo.table.labels import read_labels
from codegen_hpo.table.names import require_columns
from codegen_hpo.table.read import read_table
from codegen_hpo.task import DEFAULT_METRIC, METRICS, Metric

TEST_SHARE = 0.2
SPLIT_SEED = 20240
TARGET = "_target_"  # what the target's column is called in the files


class Known(NamedTuple):
    """What is learnt of a public table where nothing else is said."""

    target: str
    drop: tuple[str, ...] = ()


KNOWN: Mapping[str, Known] = {
    "taxis.csv": Known("fare", ("total", "tip", "tolls")),
    "diamonds.csv": Known("price"),
    "titanic.csv": Known("survived", ("alive",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a table's comparison is about."""

    name: str
    sha256: str  # of the table's file
    target: str
    drop: tuple[str, ...]
    kind: Kind
    metric: str
    classes: int  # 0 for regression
    split: str  # how the test rows were chosen
    columns: int  # to learn from
    train_rows: int
    test_rows: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Facts":
        return cls(**{**data, "drop": tuple(data["drop"])})


class Cut(NamedTuple):
    """Which rows are the test rows."""

    rows: NDArray[np.int64]
    split: str  # in words


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerTable:
    """A table in a benchmark's folder: train.csv with labels, test.csv without, and the labels apart."""

    folder: Path
    facts: Facts

    @property
    def metric(self) -> Metric:
        return METRICS[self.facts.metric]

    def test_labels(self) -> NDArray[Any]:
        """(test rows,) float64 values, or int64 class codes. No arm is told them."""
        labels: NDArray[Any] = np.load(self.folder / "test_labels.npy", allow_pickle=False)
        return labels

    @classmethod
    def open(cls, folder: Path) -> "PeerTable":
        """The table that was prepared in this folder. Raises ConfigError."""
        with reading(folder / "table.json"):
            facts = Facts.from_json(json.loads((folder / "table.json").read_text("utf-8")))
        return cls(folder=folder, facts=facts)


def prepare(
    file: Path,
    folder: Path,
    *,
    target: str | None = None,
    drop: tuple[str, ...] | None = None,
    metric: str = "auto",
    seed: int = SPLIT_SEED,
    test_rows: Path | None = None,
) -> PeerTable:
    """The table of a CSV or Parquet file, prepared below `folder`, or found there.

    Classes are written as codes, 0 upwards in the order of their sorted names, and rows without a target are
    left out of both parts. The target's column comes last, under one name in all tables.

    Args:
        file: the table.
        folder: of the benchmark.
        target: the column to predict; needed unless the file is one of KNOWN.
        drop: columns to leave out; None: those that KNOWN says, else none.
        metric: one of METRICS; "auto" is the kind's default.
        seed: `RandomState(seed).permutation(rows)` begins with the test rows, a fifth.
        test_rows: a file with the numbers of the test rows, from 0, one a line, in place of a seed.

    Raises:
        DataError: the table cannot be used.
        ConfigError: the target is not known, or the folder holds another table of this name.
    """
    known = KNOWN.get(file.name)
    target = target or (known.target if known else None)
    if target is None:
        raise ConfigError(
            f"{file.name}: what is to be predicted?", hint=f"--target; known are {', '.join(KNOWN)}"
        )
    drop = drop if drop is not None else known.drop if known else ()
    table = read_table(file)
    frame = table.frame
    require_columns([target, *drop], [str(name) for name in frame.columns], "--target, --drop")
    labels = read_labels(frame[target], None)
    cut = _read_rows(test_rows, len(frame)) if test_rows else _draw_rows(len(frame), seed)
    tested = np.zeros(len(frame), dtype=bool)
    tested[cut.rows] = True
    train, test = labels.keep & ~tested, labels.keep & tested
    features = frame.drop(columns=[target, *drop])
    facts = Facts(
        name=file.name.split(".")[0],
        sha256=table.sha256,
        target=target,
        drop=drop,
        kind=labels.kind,
        metric=DEFAULT_METRIC[labels.kind] if metric == "auto" else metric,
        classes=len(labels.classes),
        split=cut.split,
        columns=features.shape[1],
        train_rows=int(train.sum()),
        test_rows=int(test.sum()),
    )
    _require_metric(facts)
    place = folder / "tables" / facts.name
    if (place / "table.json").exists():
        return _same(PeerTable.open(place), facts)
    place.mkdir(parents=True, exist_ok=True)
    y = labels.values
    features[train].assign(**{TARGET: y[train[labels.keep]]}).to_csv(place / "train.csv", index=False)
    features[test].to_csv(place / "test.csv", index=False)
    np.save(place / "test_labels.npy", y[test[labels.keep]], allow_pickle=False)
    (place / "table.json").write_text(json.dumps(asdict(facts), indent=1) + "\n", "utf-8")
    return PeerTable(folder=place, facts=facts)


def _draw_rows(rows: int, seed: int) -> Cut:
    permuted = np.random.RandomState(seed).permutation(rows)
    return Cut(permuted[: round(TEST_SHARE * rows)], f"RandomState({seed}).permutation, the first fifth")


def _read_rows(file: Path, rows: int) -> Cut:
    """The row numbers in a file. Raises ConfigError."""
    try:
        numbers = np.unique(np.array(file.read_text("utf-8").split(), dtype=np.int64))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{file}: {error}", hint="whole numbers are expected, one a line, from 0"
        ) from error
    if not 0 < len(numbers) < rows or numbers[0] < 0 or numbers[-1] >= rows:
        raise ConfigError(
            f"{file}: {len(numbers)} row numbers do not cut a table of {rows} rows",
            hint=f"from 0 to {rows - 1}, and not all of them",
        )
    return Cut(numbers, f"the rows in {file.name}")


def _require_metric(facts: Facts) -> None:
    suitable = [metric.name for metric in METRICS.values() if facts.kind in metric.kinds]
    if facts.metric not in suitable:
        raise ConfigError(
            f"{facts.name}: metric {facts.metric!r} does not suit a {facts.kind} target",
            hint=f"one of {', '.join(suitable)}",
        )


def _same(found: PeerTable, facts: Facts) -> PeerTable:
    if found.facts != facts:
        raise ConfigError(
            f"{found.folder} holds another table {facts.name}, or another split, target or metric of it",
            hint="give another --out",
        )
    return found
