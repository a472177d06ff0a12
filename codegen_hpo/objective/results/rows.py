"""What every source of numbers comes down to: rows of named cells."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

Row = dict[str, object]  # a number, None where it is missing, or whatever else was found in its place

# columns that count, and measure nothing; the first is preferred
STEPS = ("epoch", "global_step", "step", "iteration", "iter", "round", "batch")


class Told(NamedTuple):
    """What a source tells: rows in the order of writing, and what stands beside them."""

    rows: list[Row]
    complaint: str = ""  # why no value is read; the rows before the fault are there nevertheless
    final: Mapping[str, object] = MappingProxyType({})  # one value for the whole run: it goes before rows


def number(text: str) -> float:
    """The number that the text is. Raises ValueError, also for 1_0: Python alone takes it for 10."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return float(text)


def cell_number(cell: object) -> float | None:
    """The cell as a float, NaN where it is missing; None if it is something else."""
    if cell is None:  # what JSON writers make of NaN
        return math.nan
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    try:
        return float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf


def text_cell(text: str) -> object:
    """The number that the text is, None if it is empty or says so, else the text itself."""
    try:
        return number(text)
    except ValueError:
        return None if text.strip().lower() in ("", "none", "null", "na") else text
