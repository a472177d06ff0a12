"""The columns that a request's rows have: what each may hold, and how its cells are read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from codegen_hpo.table.encoding import Encoding
from codegen_hpo.table.encoding.arrays import Floats
from codegen_hpo.table.encoding.blocks import Flag, Gap, Moment, Number
from codegen_hpo.table.encoding.levels import level_name
from codegen_hpo.table.encoding.moments import read_moments
from codegen_hpo.table.encoding.numbers import parse_numbers, read_flags

Cell = str | int | float | bool | None
Read = Callable[[Sequence[Cell]], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputColumn:
    """One column of the table that the model was trained on."""

    name: str
    holds: str  # "a number", "true or false", "a date or time", "a text or a category"
    types: tuple[str, ...]  # of JSON
    read: Read | None  # NaN for a cell that is missing or cannot be read; None where all can
    numeric: bool = False  # what was read takes the cells' place

    def unreadable(self, cells: Sequence[Cell]) -> int | None:
        """The number of the first cell that is there and cannot be read."""
        if self.read is None:
            return None
        there = np.array([cell is not None and cell != "" for cell in cells], dtype=bool)
        found = np.flatnonzero(there & np.isnan(self.read(cells)))
        return int(found[0]) if len(found) else None

    def column(self, cells: Sequence[Cell]) -> "pd.Series[Any]":
        """The cells as a frame's column."""
        if self.numeric and self.read:
            return pd.Series(self.read(cells), dtype=np.float64)
        return _texts(cells)


def input_columns(encoding: Encoding) -> tuple[InputColumn, ...]:
    """The columns that the encoding reads, each once."""
    found: dict[str, InputColumn] = {}
    for block in encoding.blocks:
        if isinstance(block, Number):
            numbers = partial(_numbers, decimal=block.decimal)
            column = _column(block.source, "a number", ("number", "string"), numbers, numeric=True)
        elif isinstance(block, Flag):
            column = _column(block.source, "true or false", ("boolean", "string", "number"), _flags)
        elif isinstance(block, Moment | Gap):
            column = _moment(block.source, block.layout)
        else:
            column = _column(block.source, "a text or a category", ("string", "number", "boolean"), None)
        found.setdefault(block.source, column)
        if isinstance(block, Gap):
            found.setdefault(block.until, _moment(block.until, block.until_layout))
    return tuple(found.values())


def _column(
    name: str, holds: str, types: tuple[str, ...], read: Read | None, *, numeric: bool = False
) -> InputColumn:
    return InputColumn(name=name, holds=holds, types=types, read=read, numeric=numeric)


def _moment(name: str, layout: str) -> InputColumn:
    types = ("number", "string") if layout.startswith("epoch") else ("string",)
    return _column(name, f"a date or time ({layout})", types, partial(_moments, layout=layout))


def _numbers(cells: Sequence[Cell], decimal: str) -> Floats:
    """A number of JSON has a point, whatever mark the table's texts have."""
    parsed = parse_numbers([cell if isinstance(cell, str) else "" for cell in cells], decimal)
    # a bool is an int, too
    counted = [isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells]
    own = np.array([cell if counts else np.nan for cell, counts in zip(cells, counted, strict=True)], float)
    return np.where(np.isnan(own), parsed, own)


def _flags(cells: Sequence[Cell]) -> Floats:
    return read_flags(_texts(cells))


def _moments(cells: Sequence[Cell], layout: str) -> Floats:
    return read_moments(_texts(cells), layout)


def _texts(cells: Sequence[Cell]) -> "pd.Series[Any]":
    return pd.Series([None if cell is None else level_name(cell) for cell in cells], dtype=object)
