"""Cells as numbers and as booleans."""

import re
from typing import Any

import numpy as np
import pandas as pd

from .arrays import Floats
from .levels import BLANKS, levels_of, lines_of

TRUE_WORDS = frozenset(("true", "t", "yes", "y", "on", "1"))
FALSE_WORDS = frozenset(("false", "f", "no", "n", "off", "0"))
LARGEST = 1e100  # numbers are cut to it, so that the square of one is still a number
# of each line: a number as it stands, or one with its thousands grouped; both are empty for any other line
_NUMBERS = re.compile(
    r"^(?:([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|([+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?)|.*)$",
    re.MULTILINE,
)
_ORNAMENTS = dict.fromkeys(map(ord, set(BLANKS + "$€£¥%") - {"\n"}))  # for str.translate: left out
_COMMA = _ORNAMENTS | {ord("."): ",", ord(","): "."}


def parse_number(text: str, decimal: str = ".") -> float:
    """The number in a text such as "1,234", "$5" or "12%" (12.0); NaN when it is none."""
    return float(parse_numbers([text], decimal)[0])


def parse_numbers(texts: list[str], decimal: str = ".") -> Floats:
    """(texts,) float64: `parse_number` of each."""
    lines = lines_of(texts).translate(_COMMA if decimal == "," else _ORNAMENTS)
    found = _NUMBERS.findall(lines) if texts else []
    numbers = np.array([float(plain or grouped.replace(",", "") or "nan") for plain, grouped in found])
    return _finite(numbers.astype(np.float64))


def read_numbers(column: "pd.Series[Any]", decimal: str = ".") -> Floats:
    """(rows,) float64; NaN where a cell is missing, infinite or no number. Time spans are in seconds."""
    kind = getattr(column.dtype, "kind", "O")
    if kind == "m":
        spans = column.to_numpy().astype("timedelta64[us]")
        return np.where(np.isnat(spans), np.nan, spans.astype(np.int64) / 1e6)
    if kind in "biuf":
        return _finite(column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True))
    return levels_of(column).numbered(lambda texts: parse_numbers(texts, decimal))


def read_flags(column: "pd.Series[Any]") -> Floats:
    """(rows,) float64: 1 for true, 0 for false, NaN for anything else."""
    return levels_of(column).numbered(_flags)


def _flags(texts: list[str]) -> Floats:
    words = [text.lower() for text in texts]
    return np.array([1.0 if w in TRUE_WORDS else 0.0 if w in FALSE_WORDS else np.nan for w in words])


def _finite(numbers: Floats) -> Floats:
    """The numbers within ±LARGEST, in place; NaN for what is infinite."""
    numbers[~np.isfinite(numbers)] = np.nan
    return np.asarray(np.clip(numbers, -LARGEST, LARGEST, out=numbers), dtype=np.float64)
