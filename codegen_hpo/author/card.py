"""The task card: what a language model is told of a table."""

from collections import Counter
from dataclasses import dataclass

from codegen_hpo.llm.prompts import quoted, render
from codegen_hpo.table.profile import QUANTILES, Column
from codegen_hpo.task import Task

MAX_COLUMNS = 150  # a wider table is summarised: the card must not crowd out the contract
MAX_CLASSES = 20
_EXAMPLE = 24  # characters
_LEVELS = "/".join(f"{100 * quantile:g}" for quantile in QUANTILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ColumnLine:
    name: str
    kind: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """The values of the template. Every text that the data hold is quoted, here or there."""

    table: str
    rows: int
    parts: str
    target: str
    kind: str
    target_facts: tuple[str, ...]
    n_features: int
    columns: tuple[_ColumnLine, ...]
    omitted: str
    metric: str
    higher_is_better: bool
    about: str


def task_card(task: Task, *, private: bool = False) -> str:
    """The card as text, without a trailing line end.

    Args:
        task: what is described; of its target, only what the training rows show.
        private: names columns c1, c2, … in the table's order, and sends no name, label, value or quantile.
            Counts and shares of missing values are sent, and what the user wrote about the table.
    """
    features = task.profile.features
    names = {column.name: f"c{number}" for number, column in enumerate(task.profile.columns, 1)}
    split = task.split
    return render(
        "task_card",
        card=_Card(
            table="private" if private else task.name,
            rows=len(task.frame),
            parts=f"{len(split.train):,} for training, {len(split.inner):,} for early stopping, "
            f"{len(split.validation):,} for validation, the rest is sealed",
            target="target" if private else task.target,
            kind=task.kind,
            target_facts=_private_target(task) if private else _target(task),
            n_features=len(features),
            columns=tuple(
                _ColumnLine(
                    name=names[column.name] if private else column.name,
                    kind=column.kind,
                    facts=(*_counts(column), *(() if private else _values(column))),
                )
                for column in features[:MAX_COLUMNS]
            ),
            omitted=_omitted(features[MAX_COLUMNS:]),
            metric=task.metric.name,
            higher_is_better=task.metric.higher_is_better,
            about=task.about,
        ),
    )


def _target(task: Task) -> tuple[str, ...]:
    summary = task.summary
    if task.kind == "regression":
        quantiles = ", ".join(f"{value:.4g}" for value in summary.quantiles)
        return (
            f"quantiles at {_LEVELS} %: {quantiles}",
            f"mean {summary.mean:.4g}, standard deviation {summary.std:.4g}",
        )
    shares = [
        f"{quoted(name, _EXAMPLE)} {100 * share:.3g} %"
        for name, share in zip(task.classes, summary.shares, strict=True)
    ]
    more = f", and {len(shares) - MAX_CLASSES} more" if len(shares) > MAX_CLASSES else ""
    return (f"{len(shares)} classes: {', '.join(shares[:MAX_CLASSES])}{more}",)


def _private_target(task: Task) -> tuple[str, ...]:
    return () if task.kind == "regression" else (f"{len(task.classes)} classes",)


def _counts(column: Column) -> tuple[str, ...]:
    facts = [f"{column.levels:,} distinct"]
    if column.missing_share:
        facts.append(f"{100 * column.missing_share:.2g} % missing")
    return tuple(facts)


def _values(column: Column) -> tuple[str, ...]:
    examples = [quoted(example, _EXAMPLE) for example in column.examples]
    if column.quantiles:
        return (f"quantiles at {_LEVELS} %: {', '.join(f'{value:.4g}' for value in column.quantiles)}",)
    if not examples:
        return ()
    if column.kind == "datetime":
        return (f"from {examples[0]} to {examples[-1]}",)
    return (f"such as {', '.join(examples)}",)


def _omitted(columns: tuple[Column, ...]) -> str:
    if not columns:
        return ""
    kinds = Counter(column.kind for column in columns)
    return f"{len(columns):,} more: {', '.join(f'{count:,} {kind}' for kind, count in kinds.most_common())}"
