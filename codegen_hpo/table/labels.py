"""Reads the target column: what kind it has, its classes, and a label for each row."""

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codegen_hpo.errors import DataError
from codegen_hpo.table.encoding.arrays import Floats
from codegen_hpo.table.encoding.levels import Levels, level_name, levels_of
from codegen_hpo.table.encoding.numbers import LARGEST, parse_number, parse_numbers, read_numbers
from codegen_hpo.table.kind import Kind

FEW = 20  # whole numbers with at most this many levels …
FEW_SHARE = 0.05  # … which are at most this share of the rows are taken as classes
MOST_CLASSES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The target of the rows that have one."""

    kind: Kind
    reason: str  # why it is that kind
    values: NDArray[Any]  # (kept rows,) float64 in the target's unit, or int64 codes into `classes`
    classes: tuple[str, ...]  # sorted; empty for regression. Of two, the second is the positive one
    keep: NDArray[np.bool_]  # (rows,): whether the row has a target


def read_labels(column: "pd.Series[Any]", kind: Kind | None) -> Labels:
    """The labels of a target column; `kind` None infers it. Raises DataError when nothing can be learnt."""
    name = str(column.name)
    _refuse_unusable(name, column)
    numeric = getattr(column.dtype, "kind", "O") in "iufm"
    levels = None if numeric else levels_of(column)
    distinct = int(column.nunique()) if levels is None else len(levels)
    if not distinct:
        raise DataError(f"target {name!r} has no values: all {len(column)} are missing")
    if distinct == 1:
        value = levels.names[0] if levels else column.dropna().iloc[0]
        raise DataError(
            f"target {name!r} is constant: every value is {level_name(value)!r:.60}",
            hint="There is nothing to learn; choose another --target.",
        )
    numbers = read_numbers(column) if levels is None else _numbers(column, levels)
    inferred, reason = _infer(column, numbers, distinct)
    if kind is None:
        if levels is not None and numbers is None:
            _refuse_nearly_numbers(name, levels)
        kind = inferred
    else:
        reason = "asked for"
    if kind == "regression":
        return _values(name, column, numbers, reason)
    return _classes(name, levels or levels_of(column), numbers, kind, reason)


def _refuse_unusable(name: str, column: "pd.Series[Any]") -> None:
    dtype_kind = getattr(column.dtype, "kind", "O")
    if dtype_kind == "M":
        raise DataError(
            f"target {name!r} holds dates, which cannot be predicted as they are",
            hint="Make it a number, such as days from a reference date.",
        )
    if dtype_kind == "f":
        infinite = int((np.abs(column.to_numpy(dtype=np.float64, na_value=np.nan)) >= LARGEST).sum())
        if infinite:
            raise DataError(
                f"target {name!r} is infinite, or beyond {LARGEST:g}, in {infinite} of {len(column)} rows",
                hint="Remove these rows, or replace the values.",
            )


def _refuse_nearly_numbers(name: str, levels: Levels) -> None:
    """Many different numbers with a few slips among them are a regression to be cleaned, not classes."""
    texts = sorted(levels.names)
    slips = [text for text in texts if np.isnan(parse_number(text))]
    if len(texts) > FEW and len(slips) <= 0.5 * len(texts):
        shown = ", ".join(f"{text!r:.40}" for text in slips[:5])
        raise DataError(
            f"target {name!r} holds numbers, but {len(slips)} of its {len(texts)} values are none: {shown}"
            f"{', …' if len(slips) > 5 else ''}",
            hint="Remove or replace these values, or say --task multiclass if they are all names of classes.",
        )


def _numbers(column: "pd.Series[Any]", levels: Levels) -> Floats | None:
    """The target as numbers where every text reads as one, or where it is boolean; else None."""
    if getattr(column.dtype, "kind", "O") == "b":
        return read_numbers(column)
    for mark in ".,":
        numbers = levels.numbered(lambda texts, mark=mark: parse_numbers(texts, mark))  # type: ignore[misc]
        if not np.isnan(numbers[levels.codes >= 0]).any():
            return numbers
    return None


def _infer(column: "pd.Series[Any]", numbers: Floats | None, distinct: int) -> tuple[Kind, str]:
    if distinct == 2:
        return "binary", "the target has two values"
    if numbers is None or getattr(column.dtype, "kind", "O") == "b":
        return "multiclass", f"the target is text with {distinct} values"
    known = numbers[~np.isnan(numbers)]
    whole = bool(np.all(known == np.floor(known)))
    if whole and distinct <= FEW and distinct <= FEW_SHARE * len(known):
        return "multiclass", f"the target holds {distinct} whole numbers only"
    return "regression", f"the target holds {distinct} different numbers"


def _values(name: str, column: "pd.Series[Any]", numbers: Floats | None, reason: str) -> Labels:
    if numbers is None:
        bad = next(text for text in levels_of(column).names if np.isnan(parse_number(text)))
        raise DataError(
            f"target {name!r} is asked for as a regression, but {bad!r:.60} is no number",
            hint="Use --task multiclass, or clean the column.",
        )
    keep = ~np.isnan(numbers)
    values = numbers[keep]
    if values.min() == values.max():
        raise DataError(f"target {name!r} is constant: every value is {values[0]:g}")
    return Labels(kind="regression", reason=reason, values=values, classes=(), keep=keep)


def _classes(name: str, levels: Levels, numbers: Floats | None, kind: Kind, reason: str) -> Labels:
    if len(levels) > MOST_CLASSES:
        _refuse_number_of_classes(name, len(levels), int(np.sum(levels.codes >= 0)))
    distinct = sorted(levels.names)
    if numbers is not None:
        distinct.sort(key=parse_number)  # booleans and words keep the order of their text: the sort is stable
    codes_of = {text: code for code, text in enumerate(distinct)}
    codes = np.array([codes_of.get(text, -1) for text in levels.names] + [-1], dtype=np.int64)[levels.codes]
    keep = codes >= 0
    _refuse_classes(name, distinct, codes[keep], kind)
    return Labels(kind=kind, reason=reason, values=codes[keep], classes=tuple(distinct), keep=keep)


def _refuse_classes(name: str, classes: list[str], codes: NDArray[np.int64], kind: Kind) -> None:
    if kind == "binary" and len(classes) != 2:
        raise DataError(
            f"target {name!r} has {len(classes)} values, a binary task needs two",
            hint="Use --task multiclass or --task regression.",
        )
    counts = np.bincount(codes, minlength=len(classes))
    if len(classes) > max(2, len(codes) // 2):
        _refuse_number_of_classes(name, len(classes), len(codes))
    lonely = [label for label, count in zip(classes, counts, strict=True) if count == 1]
    if lonely:
        shown = ", ".join(f"{label!r:.40}" for label in lonely[:5])
        raise DataError(
            f"target {name!r}: {len(lonely)} of {len(classes)} classes have one row only: {shown}"
            f"{', …' if len(lonely) > 5 else ''}; a class needs a row to learn from and one to be tested on",
            hint="Drop these rows, merge the classes, or use --task regression if these are numbers.",
        )


def _refuse_number_of_classes(name: str, classes: int, rows: int) -> NoReturn:
    raise DataError(
        f"target {name!r} has {classes} different values in {rows} rows: too many for classes",
        hint="Choose another --target, or --task regression if these are numbers.",
    )
