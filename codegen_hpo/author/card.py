"""The task card: what a language model is told of a table, in full to write for it, in brief to tune."""

from collections.abc import Sequence
from dataclasses import dataclass

from codegen_hpo.llm.prompts import quoted, render
from codegen_hpo.table.profile import QUANTILES, Column
from codegen_hpo.table.split import Split
from codegen_hpo.task import Task

MAX_COLUMNS = 40  # with a line each; those beyond are summed up, so that no card crowds out the contract
MAX_CLASSES = 20
_EXAMPLES = 3
_EXAMPLE = 24  # characters
_MOMENT = 16  # characters: up to the minutes
_LEVELS = "/".join(f"{100 * quantile:g}" for quantile in QUANTILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ColumnLine:
    name: str
    kind: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """The values of the templates. Every text that the data hold is quoted, here or there."""

    table: str
    rows: int
    sampled_of: int | None  # rows of the whole table; None where all are used
    parts: str
    target: str
    kind: str
    target_facts: tuple[str, ...]
    n_features: int
    levels: str  # of the columns' quantiles; empty where none are told
    columns: tuple[_ColumnLine, ...]  # each told
    others: tuple[str, ...]  # columns by kind, summed up
    metric: str
    higher_is_better: bool
    about: str


def task_card(task: Task, *, private: bool = False) -> str:
    """The card for an author, as text without a trailing line end.

    Args:
        task: what is described; of its target, only what the training rows show.
        private: names columns c1, c2, … in the table's order, and sends no name, label, value or quantile.
            Counts and shares of missing values are sent, and what the user wrote about the table.
    """
    return render("task_card", card=_card(task, private, MAX_COLUMNS))


def tuning_card(task: Task, *, private: bool = False) -> str:
    """The card for a tuner, which no longer chooses what is done with a column: these are counted by kind.

    Args:
        task: as for `task_card`.
        private: as for `task_card`.
    """
    return render("tuning_card", card=_card(task, private, 0))


def _card(task: Task, private: bool, columns: int) -> _Card:
    """The card with lines for so many columns."""
    features, split = task.profile.features, task.split
    names = {column.name: f"c{number}" for number, column in enumerate(task.profile.columns, 1)}
    return _Card(
        table="private" if private else task.name,
        rows=len(task.frame),
        sampled_of=task.sample.of if task.sample else None,
        parts=_parts(split) if columns else f"{len(split.trainings[0].train):,} rows for training",
        target="target" if private else task.target,
        kind=task.kind,
        target_facts=_private_target(task) if private else _target(task) if columns else _brief_target(task),
        n_features=len(features),
        levels=_LEVELS if not private and any(column.quantiles for column in features[:columns]) else "",
        columns=tuple(
            _ColumnLine(
                name=names[column.name] if private else column.name,
                kind=column.kind,
                facts=(*_counts(column), *(() if private else _values(column))),
            )
            for column in features[:columns]
        ),
        others=_summed_up(features[columns:], "more " if columns else ""),
        metric=task.metric.name,
        higher_is_better=task.metric.higher_is_better,
        about=task.about,
    )


def _parts(split: Split) -> str:
    one = split.trainings[0]
    told = (
        f"{len(one.train):,} for training, {len(one.inner):,} for early stopping, "
        f"{len(one.validation):,} for validation, the rest is sealed"
    )
    count = len(split.folds)
    return f"{told}; in {count} folds: {count} trainings a call, averaged" if count else told


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


def _brief_target(task: Task) -> tuple[str, ...]:
    if task.kind != "regression":
        return _target(task)
    summary = task.summary
    low, middle, high = (summary.quantiles[place] for place in (0, len(QUANTILES) // 2, -1))
    mean = f"mean {summary.mean:.4g}, standard deviation {summary.std:.4g}"
    return (f"{low:.4g} to {high:.4g}, median {middle:.4g}, {mean}",)


def _private_target(task: Task) -> tuple[str, ...]:
    return () if task.kind == "regression" else (f"{len(task.classes)} classes",)


def _counts(column: Column) -> tuple[str, ...]:
    facts = [f"{column.levels:,} distinct"]
    if column.missing_share:
        facts.append(f"{100 * column.missing_share:.2g} % missing")
    return tuple(facts)


def _values(column: Column) -> tuple[str, ...]:
    if column.quantiles:
        return (f"quantiles {', '.join(f'{value:.4g}' for value in column.quantiles)}",)
    if not column.examples:
        return ()
    if column.kind == "datetime":
        first, last = (quoted(column.examples[place][:_MOMENT]) for place in (0, -1))
        return (f"from {first} to {last}",)
    examples = (quoted(example, _EXAMPLE) for example in column.examples[:_EXAMPLES])
    return (f"such as {', '.join(examples)}",)


def _summed_up(columns: Sequence[Column], more: str = "") -> tuple[str, ...]:
    """A line for each kind of column, the most frequent first."""
    kinds: dict[str, list[Column]] = {}
    for column in columns:
        kinds.setdefault(column.kind, []).append(column)
    return tuple(_kind_line(more, kind, kinds[kind]) for kind in sorted(kinds, key=lambda k: -len(kinds[k])))


def _kind_line(more: str, kind: str, columns: Sequence[Column]) -> str:
    levels = [column.levels for column in columns]
    span = f"{min(levels):,} to {max(levels):,}" if max(levels) > min(levels) else f"{levels[0]:,}"
    return f"{len(columns):,} {more}{kind} ({span} distinct)"
