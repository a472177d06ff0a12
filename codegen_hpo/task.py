"""What is to be learnt: a table, its target, the metric and the split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.errors import DataError
from codegen_hpo.table.kind import Kind

if TYPE_CHECKING:  # pandas takes most of a second: `--help` reads METRICS without it
    import pandas as pd

    from codegen_hpo.table.labels import Labels
    from codegen_hpo.table.leaks import Leak
    from codegen_hpo.table.profile import Profile
    from codegen_hpo.table.read import Table
    from codegen_hpo.table.split import Split

__all__ = ["DEFAULT_METRIC", "METRICS", "Kind", "Metric", "TargetSummary", "Task"]

_FOLD_PARTS = ("train", "inner", "validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric's name and direction. Computed in `scoring/` alone, where the labels are."""

    name: str
    kinds: tuple[Kind, ...]
    higher_is_better: bool
    needs: Literal["value", "probability", "class"]

    def loss(self, score: float) -> float:
        """The score, signed so that lower is better."""
        return -score if self.higher_is_better else score


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(name="rmse", kinds=("regression",), higher_is_better=False, needs="value"),
        Metric(name="mae", kinds=("regression",), higher_is_better=False, needs="value"),
        Metric(name="r2", kinds=("regression",), higher_is_better=True, needs="value"),
        Metric(name="rmsle", kinds=("regression",), higher_is_better=False, needs="value"),
        Metric(name="log_loss", kinds=("binary", "multiclass"), higher_is_better=False, needs="probability"),
        Metric(name="accuracy", kinds=("binary", "multiclass"), higher_is_better=True, needs="class"),
        Metric(
            name="balanced_accuracy", kinds=("binary", "multiclass"), higher_is_better=True, needs="class"
        ),
        Metric(name="f1", kinds=("binary", "multiclass"), higher_is_better=True, needs="class"),
        Metric(name="roc_auc", kinds=("binary", "multiclass"), higher_is_better=True, needs="probability"),
        Metric(name="average_precision", kinds=("binary",), higher_is_better=True, needs="probability"),
    )
}

DEFAULT_METRIC: Mapping[Kind, str] = {"regression": "rmse", "binary": "roc_auc", "multiclass": "log_loss"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSummary:
    """The target over the training rows: what an author may be told."""

    quantiles: tuple[float, ...] = ()  # regression: at table.profile.QUANTILES
    mean: float = 0.0  # regression
    std: float = 0.0  # regression
    shares: tuple[float, ...] = ()  # of each class, in the order of Task.classes


class Sample(NamedTuple):
    """What part of the user's table is used."""

    rows: int
    of: int  # rows with a target; the user's own test table is not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A table with its target, metric and split. Rows without a target are gone from `frame`."""

    name: str  # of the table
    sha256: str  # of the table's file
    test_sha256: str = ""  # of the user's own test table, if there is one
    frame: pd.DataFrame = field(repr=False)
    labels: NDArray[Any] = field(repr=False)  # (rows,) float64 in the target's unit, or int64 class codes
    profile: Profile
    target: str
    kind: Kind
    kind_reason: str
    classes: tuple[str, ...]  # sorted labels; of two, the second is the positive one. Empty for regression
    metric: Metric
    split: Split
    summary: TargetSummary
    about: str  # the user's own words on the table
    seed: int
    warnings: tuple[str, ...]
    leaks: tuple[Leak, ...]
    sample: Sample | None = None  # None where all rows are used

    @classmethod
    def from_table(
        cls,
        table: str | Path | pd.DataFrame | Table,
        target: str,
        *,
        kind: Kind | Literal["auto"] = "auto",
        metric: str = "auto",
        drop: Sequence[str] = (),
        categorical: Sequence[str] = (),
        datetime: Sequence[str] = (),
        text: Sequence[str] = (),
        time_column: str | None = None,
        group_column: str | None = None,
        test: str | Path | pd.DataFrame | None = None,
        rows: int | None = None,
        about: str = "",
        seed: int = 0,
    ) -> Task:
        """The task of predicting `target` from a table's other columns. Raises DataError.

        Args:
            table: A CSV or Parquet file, a frame, or a table that was read.
            target: The column to predict.
            kind: "regression", "binary" or "multiclass"; "auto" decides by the target's values.
            metric: A name in METRICS; "auto" takes the kind's default.
            drop: Columns to leave out.
            categorical: Columns to take as categories, whatever they look like.
            datetime: Columns to read as dates and times.
            text: Columns to read as free text.
            time_column: Trains on the past of this column and tests on the newest rows. It stays a feature.
            group_column: Keeps the rows of a group on one side. It is no feature: a new group has a new name.
            test: The user's own test table; nothing of it is trained on.
            rows: Uses a random sample of so many rows where the table has more: each class has its share of
                them, groups stay whole. The user's own test table is used as it is.
            about: What the table is about, in a sentence or two.
            seed: Of the split and the sample.
        """
        from codegen_hpo.table.leaks import leak_warnings
        from codegen_hpo.table.names import require_columns
        from codegen_hpo.table.profile import Overrides, profile
        from codegen_hpo.table.read import Table, read_table
        from codegen_hpo.table.rows import labelled_rows
        from codegen_hpo.table.sample import sample_rows
        from codegen_hpo.table.split import split_rows

        if not 0 <= seed < 2**32:
            raise DataError(f"the seed is {seed}, a whole number from 0 to {2**32 - 1} is expected")

        def read(source: str | Path | pd.DataFrame | Table) -> Table:
            if isinstance(source, Table):
                return source
            return read_table(source) if isinstance(source, str | Path) else Table.from_frame(source)

        own, own_test = read(table), None if test is None else read(test)
        names = [str(name) for name in own.frame.columns]
        require_columns([target], names, "--target")
        _require(time_column, names, target, "--time-column")
        _require(group_column, names, target, "--group-column")
        told = own.name, own.sha256
        notes = (*own.warnings, *(own_test.warnings if own_test else ()))
        found = labelled_rows(own, own_test, target, None if kind == "auto" else kind, drop)
        del own  # a large table is held once
        whole = len(found.frame) - found.own_test
        sample = None
        if rows is not None and rows < whole:
            found = sample_rows(found, rows, target=target, group_column=group_column, seed=seed)
            sample = Sample(len(found.frame) - found.own_test, whole)
        overrides = Overrides(
            drop=_names("drop", drop),
            categorical=_names("categorical", categorical),
            datetime=_names("datetime", datetime),
            text=_names("text", text),
        )
        columns = profile(found.frame, target, overrides, group_column)
        if not columns.features:
            reasons = "; ".join(f"{c.name!r}: {c.reason}" for c in columns.columns[:8] if c.kind != "target")
            raise DataError(
                f"{told[0]}: no column is left to learn from ({reasons or 'the target is the only one'})",
                hint="Add columns, or say with --categorical, --datetime or --text how to read them.",
            )
        split = split_rows(found, time_column=time_column, group_column=group_column, seed=seed)
        labels = found.labels
        return cls(
            name=told[0],
            sha256=told[1],
            test_sha256=own_test.sha256 if own_test else "",
            frame=found.frame,
            labels=labels.values,
            profile=columns,
            target=target,
            kind=labels.kind,
            kind_reason=labels.reason,
            classes=labels.classes,
            metric=_metric(metric, labels),
            split=split,
            summary=_summary(labels, split),
            about=about,
            seed=seed,
            warnings=(*notes, *found.warnings, *split.warnings),
            leaks=leak_warnings(found.frame, labels, columns, split),
            sample=sample,
        )

    def in_folds(self, count: int | None = None) -> Task:
        """The task whose calls are trained so many times, each time without one fold. Raises ConfigError.

        Args:
            count: 1 is a validation part; None is 5 below 3,000 rows, and 1 otherwise or along time.
        """
        from codegen_hpo.table.folds import deal_folds, usual_folds

        if count is None:
            own_test = len(self.split.test) if self.test_sha256 else 0
            count = usual_folds(self.split, len(self.frame) - own_test)
        codes = None if self.kind == "regression" else self.labels
        return replace(self, split=replace(self.split, folds=deal_folds(self.split, count, codes)))

    @property
    def n_outputs(self) -> int:
        """Outputs of a network: 1 for regression and two classes, else one a class."""
        return len(self.classes) if self.kind == "multiclass" else 1

    def to_json(self) -> dict[str, Any]:
        """A strict-JSON mapping for task.json: everything but rows, labels and row numbers."""
        split = self.split
        parts = {name: len(getattr(split, name)) for name in (*_FOLD_PARTS, "test")}
        folds = [{name: len(getattr(fold, name)) for name in _FOLD_PARTS} for fold in split.folds]
        return {
            "name": self.name,
            "sha256": self.sha256,
            "test_sha256": self.test_sha256,
            "rows": len(self.frame),
            "sample": self.sample._asdict() if self.sample else None,
            "target": self.target,
            "kind": self.kind,
            "kind_reason": self.kind_reason,
            "classes": list(self.classes),
            "metric": self.metric.name,
            "split": {"method": split.method, "seed": split.seed, "rows": parts, "folds": folds},
            "columns": [asdict(column) for column in self.profile.columns],
            "summary": asdict(self.summary),
            "about": self.about,
            "seed": self.seed,
            "warnings": list(self.warnings),
            "leaks": [asdict(leak) for leak in self.leaks],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Task:
        """The task that `to_json` told of: enough for an author and a tuner.

        It holds no rows: the frame has the right length and no columns, labels are empty, and the parts of
        the split have their sizes alone.
        """
        import pandas as pd

        from codegen_hpo.table.leaks import Leak
        from codegen_hpo.table.profile import Column, Profile
        from codegen_hpo.table.split import Fold, Split

        columns = [
            Column(**c | {"quantiles": tuple(c["quantiles"]), "examples": tuple(c["examples"])})
            for c in data["columns"]
        ]
        split = data["split"]
        parts: dict[str, Any] = {name: np.arange(count) for name, count in split["rows"].items()}
        folds = [Fold(**{name: np.arange(count) for name, count in fold.items()}) for fold in split["folds"]]
        summary: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data["summary"].items()
        }
        known = ("name", "sha256", "test_sha256", "target", "kind", "kind_reason", "about", "seed")
        return cls(
            frame=pd.DataFrame(index=range(data["rows"])),
            labels=np.empty(0),
            profile=Profile(target=data["target"], columns=tuple(columns)),
            classes=tuple(data["classes"]),
            metric=METRICS[data["metric"]],
            split=Split(method=split["method"], seed=split["seed"], folds=tuple(folds), **parts),
            summary=TargetSummary(**summary),
            warnings=tuple(data["warnings"]),
            leaks=tuple(Leak(**leak) for leak in data["leaks"]),
            sample=Sample(**data["sample"]) if data["sample"] else None,
            **{name: data[name] for name in known},
        )

    def _repr_html_(self) -> str:
        from codegen_hpo.notebook import shown_html

        rows = [
            (column.name, column.kind, column.reason, f"{100 * column.missing_share:.1f} %")
            for column in self.profile.columns
        ]
        title, *lines = self._told()
        return shown_html(title, [*lines, *self._warned()], ("column", "kind", "why", "missing"), rows)

    def __str__(self) -> str:
        from codegen_hpo.table.card import column_lines

        return "\n".join([*self._told(), *column_lines(self.profile), *self._warned()])

    def _told(self) -> list[str]:
        """Table, target and split, a line each."""
        split, labels = self.split, ", ".join(self.classes[:8]) + (", …" if len(self.classes) > 8 else "")
        direction = "higher" if self.metric.higher_is_better else "lower"
        sampled = f"sample of {self.sample.rows} of {self.sample.of} rows" if self.sample else ""
        return [
            f"{self.name}: {sampled or f'{len(self.frame)} rows'}, {len(self.profile.features)} of "
            f"{len(self.profile.columns) - 1} columns used",
            f"target {self.target!r}: {self.kind} ({self.kind_reason}{f': {labels}' if labels else ''}); "
            f"metric {self.metric.name}, {direction} is better",
            f"split: {split.method}; {_parts(split)}, {len(split.test)} test rows",
        ]

    def _warned(self) -> list[str]:
        return [
            *(f"warning: {warning}" for warning in self.warnings),
            *(f"leak? {leak.message}" for leak in self.leaks),
        ]


def _parts(split: Split) -> str:
    if split.folds:
        rows = len(split.free)
        return f"{rows} rows in {len(split.folds)} folds, each scored by the training that leaves it out"
    return (
        f"{len(split.train)} training, {len(split.inner)} early-stopping, {len(split.validation)} validation"
    )


def _names(role: str, names: Sequence[str]) -> tuple[str, ...]:
    """Raises DataError for one name, which is a sequence of letters."""
    if isinstance(names, str):
        raise DataError(f"--{role}: {names!r} is a text", hint=f"Give a tuple of columns: ({names!r},).")
    return tuple(names)


def _require(name: str | None, names: Sequence[str], target: str, role: str) -> None:
    from codegen_hpo.table.names import require_columns

    if name is not None:
        require_columns([name], names, role)
        if name == target:
            raise DataError(f"{role}: {name!r} is the target", hint="Choose another column.")


def _metric(name: str, labels: Labels) -> Metric:
    """The metric of that name. Raises DataError when it is none, or does not suit the labels."""
    if name == "auto":
        return METRICS[DEFAULT_METRIC[labels.kind]]
    suitable = [metric.name for metric in METRICS.values() if labels.kind in metric.kinds]
    hint = f"Choose one of {', '.join(suitable)}."
    if name not in METRICS:
        raise DataError(f"there is no metric {name!r}", hint=hint)
    if name not in suitable:
        raise DataError(f"metric {name!r} does not suit a {labels.kind} target ({labels.reason})", hint=hint)
    if name == "rmsle" and labels.values.min() <= -1:
        raise DataError(
            f"metric 'rmsle' needs a target above -1, the lowest value is {labels.values.min():g}",
            hint="Choose rmse, mae or r2.",
        )
    return METRICS[name]


def _summary(labels: Labels, split: Split) -> TargetSummary:
    from codegen_hpo.table.profile import QUANTILES

    known = labels.values[split.fitted]
    if labels.kind == "regression":
        quantiles = tuple(float(q) for q in np.quantile(known, QUANTILES))
        return TargetSummary(quantiles=quantiles, mean=float(known.mean()), std=float(known.std()))
    counts = np.bincount(known, minlength=len(labels.classes))
    return TargetSummary(shares=tuple(float(count / len(known)) for count in counts))
