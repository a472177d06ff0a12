"""What each column of a table is, decided from its values, with the reason."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from codegen_hpo.errors import DataError
from codegen_hpo.table.encoding.arrays import Floats
from codegen_hpo.table.encoding.levels import Levels, levels_of
from codegen_hpo.table.encoding.moments import parse_moments, read_moments
from codegen_hpo.table.encoding.numbers import (
    FALSE_WORDS,
    TRUE_WORDS,
    parse_numbers,
    read_flags,
    read_numbers,
)
from codegen_hpo.table.layouts import epoch_of, layout_of
from codegen_hpo.table.memory import give_back
from codegen_hpo.table.names import require_columns

ColumnKind = Literal[
    "numeric", "categorical", "datetime", "boolean", "text", "identifier", "constant", "dropped", "target"
]
FEATURES: frozenset[str] = frozenset(("numeric", "categorical", "datetime", "boolean", "text"))
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)  # of Column.quantiles

# the share of values that must read as a number or a moment: the others are slips, taken as missing
MOST = 0.95
_SAMPLE = 5_000  # distinct texts looked at to decide what a column of strings is
_LEADING_ZERO = re.compile(r"0[0-9]+")
_ID_NAME = re.compile(r"(^|[^a-z])(id|uuid|guid|key|index)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the user knows better: names of columns."""

    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    datetime: tuple[str, ...] = ()
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column, and why it is taken for what it is."""

    name: str
    kind: ColumnKind
    reason: str  # a few words
    missing_share: float
    levels: int  # distinct values, missing ones not counted
    quantiles: tuple[float, ...] = ()  # numeric: at QUANTILES
    examples: tuple[str, ...] = ()  # at most five frequent values; of a datetime, the first and the last
    layout: str = ""  # datetime: how it is read, see encoding.read_moments
    decimal: str = "."  # numeric: the decimal mark in a column of texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The columns of a table, in its order."""

    target: str
    columns: tuple[Column, ...]

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a model is given."""
        return tuple(column for column in self.columns if column.kind in FEATURES)

    def of_kind(self, kind: ColumnKind) -> tuple[Column, ...]:
        """The columns of one kind."""
        return tuple(column for column in self.columns if column.kind == kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    kind: ColumnKind
    reason: str
    layout: str = ""
    decimal: str = "."


def profile(
    frame: pd.DataFrame, target: str, overrides: Overrides = Overrides(), group_column: str | None = None
) -> Profile:
    """The kind of each column. Raises DataError when an override names no column, or one column twice."""
    forced = _forced(frame, target, overrides)
    if group_column is not None and group_column not in forced:
        forced[group_column] = "group"
    forced[target] = "target"
    columns = []
    for name in map(str, frame.columns):
        columns.append(_column(_Look(name, frame[name], forced.get(name))))
        give_back(len(frame))
    return Profile(target=target, columns=tuple(columns))


def _forced(frame: pd.DataFrame, target: str, overrides: Overrides) -> dict[str, str]:
    forced: dict[str, str] = {}
    for kind in ("drop", "categorical", "datetime", "text"):
        names: tuple[str, ...] = getattr(overrides, kind)
        require_columns(names, list(map(str, frame.columns)), f"--{kind}")
        for name in names:
            if name == target:
                raise DataError(f"--{kind}: {name!r} is the target", hint="Leave it out of this list.")
            if forced.setdefault(name, kind) != kind:
                raise DataError(
                    f"column {name!r} is in --{kind} and in --{forced[name]}", hint="Keep one of them."
                )
    return forced


class _Look:
    """A column under examination. Texts of its cells are made only where they are asked for."""

    def __init__(self, name: str, column: "pd.Series[Any]", forced: str | None) -> None:
        self.name, self.column, self.forced = name, column, forced
        self.dtype_kind: str = getattr(column.dtype, "kind", "O")
        if isinstance(column.dtype, pd.CategoricalDtype):
            self.dtype_kind = "O"

    @cached_property
    def levels(self) -> Levels:
        return levels_of(self.column)

    def numbers(self, decimal: str) -> Floats:
        """`read_numbers` of the column, whose texts are counted once."""
        if self.dtype_kind in "biufm":
            return read_numbers(self.column)
        return self.levels.numbered(lambda texts: parse_numbers(texts, decimal))

    def moments(self, layout: str) -> Floats:
        """`read_moments` of the column, whose texts are counted once."""
        if self.dtype_kind in "biufmM":
            return read_moments(self.column, layout)
        return self.levels.numbered(lambda texts: parse_moments(texts, layout))

    @cached_property
    def distinct(self) -> int:
        if self.dtype_kind in "biufmM":
            return int(self.column.nunique())
        return len(self.levels)

    @cached_property
    def missing_share(self) -> float:
        if self.dtype_kind in "biufmM":
            return float(self.column.isna().mean())
        return float(np.mean(self.levels.codes < 0))


def _column(look: _Look) -> Column:
    verdict = _verdict(look)
    return Column(
        name=look.name,
        kind=verdict.kind,
        reason=verdict.reason,
        missing_share=look.missing_share,
        levels=look.distinct,
        quantiles=_quantiles(look.numbers(verdict.decimal)) if verdict.kind == "numeric" else (),
        examples=_examples(look, verdict),
        layout=verdict.layout,
        decimal=verdict.decimal,
    )


def _verdict(look: _Look) -> _Verdict:
    asked = _asked(look)
    if asked:
        return asked
    if look.distinct == 1:
        return _Verdict(kind="categorical", reason="one value, or missing")
    if look.dtype_kind == "b":
        return _Verdict(kind="boolean", reason="true and false")
    if look.dtype_kind == "M":
        return _Verdict(kind="datetime", reason="dates and times", layout="ISO8601")
    if look.dtype_kind in "iufm":
        return _of_numbers(look)
    return _of_texts(look.levels)


def _asked(look: _Look) -> _Verdict | None:
    """The verdict where the values are not asked, or have nothing to say."""
    if look.forced == "target":
        return _Verdict(kind="target", reason="what is to be predicted")
    if look.forced == "drop":
        return _Verdict(kind="dropped", reason="dropped by the user")
    if look.forced == "group":
        return _Verdict(kind="dropped", reason="groups the split: means nothing in a new group")
    if look.distinct == 0:
        return _Verdict(kind="constant", reason="all values are missing")
    if look.forced == "datetime":
        return _forced_datetime(look)
    if look.distinct == 1 and (look.forced or look.missing_share == 0):
        return _Verdict(kind="constant", reason="one value only")
    if look.forced == "categorical":
        return _Verdict(kind="categorical", reason=f"asked for; {look.distinct} levels")
    if look.forced == "text":
        return _Verdict(kind="text", reason="asked for")
    return None


def _of_numbers(look: _Look) -> _Verdict:
    """Numeric, unless it is a row counter or a key: whole, unique, and either dense in order or named so."""
    numbers = read_numbers(look.column)
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        return _Verdict(kind="constant", reason="no finite value")
    if numbers.min() == numbers.max():
        return _Verdict(kind="categorical", reason="one value, or missing")
    if look.dtype_kind in "iu" and len(numbers) >= 20 and look.distinct == len(numbers):
        if bool(np.all(np.diff(numbers) == 1)):
            return _Verdict(kind="identifier", reason="counts the rows")
        if _ID_NAME.search(look.name):
            return _Verdict(kind="identifier", reason="a key by its name, and every value differs")
    return _Verdict(kind="numeric", reason=f"numbers, {look.distinct} distinct")


def _of_texts(levels: Levels) -> _Verdict:
    sample, distinct = levels.texts[:_SAMPLE].tolist(), len(levels)
    words = {name.lower() for name in sample}
    if len(words) == 2 and words & TRUE_WORDS and words & FALSE_WORDS:
        return _Verdict(kind="boolean", reason=f"{' and '.join(sorted(words))}")
    if not any(_LEADING_ZERO.fullmatch(name) for name in sample):
        number = _as_numbers(sample)
        if number:
            return number
    layout = layout_of(sample, MOST)
    if layout:
        return _Verdict(kind="datetime", reason=layout.reason, layout=layout.layout)
    rows = int(np.sum(levels.codes >= 0))
    lengths = [len(name.split()) for name in sample]
    wordy = float(np.mean(lengths)) >= 3 and distinct > max(20, 0.2 * rows)
    if wordy:
        return _Verdict(kind="text", reason=f"{np.mean(lengths):.0f} words a value, {distinct} distinct")
    if rows >= 20 and distinct >= MOST * rows:
        return _Verdict(kind="identifier", reason="nearly every value differs")
    return _Verdict(kind="categorical", reason=f"text, {distinct} levels")


def _as_numbers(sample: list[str]) -> _Verdict | None:
    """Numeric when most distinct texts read as numbers, with a point or a comma as decimal mark."""
    shares = {mark: float(np.mean(~np.isnan(parse_numbers(sample, mark)))) for mark in ".,"}
    mark = max(shares, key=lambda candidate: shares[candidate])  # the point when both read as many
    if shares[mark] < MOST:
        return None
    note = "" if shares[mark] == 1 else "; other texts are taken as missing"
    return _Verdict(kind="numeric", reason=f"texts that read as numbers{note}", decimal=mark)


def _forced_datetime(look: _Look) -> _Verdict:
    if look.dtype_kind == "M":
        return _Verdict(kind="datetime", reason="asked for", layout="ISO8601")
    texts = look.levels.texts[:_SAMPLE].tolist()
    layout = layout_of(texts, 0.5)
    if layout:
        return _Verdict(kind="datetime", reason=f"asked for; {layout.reason}", layout=layout.layout)
    epoch = epoch_of(read_numbers(look.column))
    if epoch:
        return _Verdict(kind="datetime", reason=f"asked for; {epoch} since 1970", layout=epoch)
    raise DataError(
        f"--datetime: column {look.name!r} holds no date or time that can be read, such as {texts[0]!r:.60}",
        hint="Write it as 2024-12-31 23:59:59, or leave it out of --datetime.",
    )


def _quantiles(numbers: Floats) -> tuple[float, ...]:
    known = numbers[~np.isnan(numbers)]
    return tuple(float(q) for q in np.quantile(known, QUANTILES)) if len(known) else ()


def _examples(look: _Look, verdict: _Verdict) -> tuple[str, ...]:
    if verdict.kind == "datetime":
        moments = look.moments(verdict.layout)
        moments = moments[~np.isnan(moments)]
        ends = [moments.min(), moments.max()] if len(moments) else []
        return tuple(str(np.datetime64(int(end * 1e6), "us").astype("datetime64[s]")) for end in ends)
    if verdict.kind == "boolean":
        return (f"{np.nanmean(read_flags(look.column)):.0%} true",)
    if verdict.kind not in ("categorical", "text", "identifier"):
        return ()
    codes, texts = look.levels.codes, look.levels.texts
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    return tuple(map(str, texts[np.argsort(-counts, kind="stable")[:5]].tolist()))
