"""A column as codes into its distinct texts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from .arrays import PIECE, Floats, Ints

# what str.strip takes away, spelt out: Arrow strips other characters than Python if it is left to them
BLANKS = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())


@dataclass(frozen=True, slots=True)
class Levels:
    """A column as codes into its distinct texts, which are stripped and not empty."""

    codes: Ints  # (rows,), -1 = missing
    texts: Any  # (levels,) an array of the distinct texts, in the order in which they appear

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def names(self) -> list[str]:
        """The distinct texts, made into Python objects at each call."""
        return list(self.texts.tolist())

    def numbered(self, read: Callable[[list[str]], Floats]) -> Floats:
        """(rows,) float64: what `read` says of each row's text; NaN where it is missing."""
        parts = [read(self.texts[at : at + PIECE].tolist()) for at in range(0, len(self), PIECE)]
        return np.concatenate([*parts, [np.nan]])[self.codes]


def level_name(value: object) -> str:
    """The text of one cell: 1, 1.0 and "1" are one level; empty when there is nothing in it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return str(value).strip().encode("utf-8", "replace").decode()  # a lone surrogate cannot be written


def levels_of(column: "pd.Series[Any]") -> Levels:
    """The column's distinct texts and the code of each row."""
    dtype = column.dtype
    if isinstance(dtype, pd.StringDtype):
        codes, distinct = pd.factorize(column.array)
        if dtype.storage.startswith("pyarrow"):
            return _levels(codes, distinct, pd.Series(distinct).str.strip(BLANKS).array)
    elif isinstance(dtype, pd.CategoricalDtype):
        of_categories = levels_of(dtype.categories.to_series())
        codes = np.append(of_categories.codes, -1)[column.cat.codes]
        used = np.unique(codes[codes >= 0])
        numbers = np.full(len(of_categories) + 1, -1)
        numbers[used] = np.arange(len(used))
        return Levels(numbers[codes], of_categories.texts[used])
    elif getattr(dtype, "kind", "O") in "biufmM" and not isinstance(dtype, pd.SparseDtype):
        # pandas cannot count what is of type float16
        codes, distinct = pd.factorize(column.astype(np.float32) if dtype == np.float16 else column)
        distinct = distinct.astype(object)
    else:
        values = column.to_numpy(dtype=object)
        if pd.api.types.infer_dtype(values, skipna=True) != "string":
            # to text first: Python holds 1 == True == 1.0, and lists cannot be hashed
            values = np.array([None if _missing(value) else level_name(value) for value in values], object)
        codes, distinct = pd.factorize(values)
    names = np.empty(len(distinct), dtype=object)
    names[:] = [level_name(value) for value in distinct.tolist()]
    return _levels(codes, distinct, names)


def _levels(codes: Ints, distinct: Any, names: Any) -> Levels:
    """From codes into distinct values and the name of each: equal names joined, the empty one left out."""
    same = bool(np.all(np.asarray(names == distinct, dtype=bool)))
    again, texts = (np.arange(len(names)), names) if same else pd.factorize(names)
    empty = np.asarray(texts == "", dtype=bool)
    again = np.append(np.where(empty, -1, np.cumsum(~empty) - 1)[again], -1)
    return Levels(again[codes].astype(np.int64), texts[~empty])


def _missing(value: object) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, date | str | bytes | list | tuple | dict | set):
        return False
    return bool(value != value) if isinstance(value, float | np.floating | np.datetime64) else False


def lines_of(texts: list[str]) -> str:
    """The texts, one a line; a line end within one becomes a blank."""
    lines = "\n".join(texts)
    if lines.count("\n") >= len(texts) > 0:
        lines = "\n".join(text.replace("\n", " ") for text in texts)
    return lines
