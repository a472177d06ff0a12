"""Cells as points in time."""

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .arrays import Floats
from .levels import levels_of, lines_of
from .numbers import read_numbers

DAY_S = 86_400.0
_ZONE = re.compile(r"(?<=[0-9])[^\S\n]*(?:Z|UTC)$", re.MULTILINE)
_SIGNED = re.compile(r"[+-][0-9:]{4,5}$", re.MULTILINE)
# after a time only: 31-12-2020 ends in a year
_OFFSET = re.compile(r"([:T][0-9:.,]{0,20}[0-9])[^\S\n]*[+-][0-9]{2}:?[0-9]{2}$", re.MULTILINE)
_PLACES = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}  # digits of a directive
_DIRECTIVE = re.compile(r"%[A-Za-z]")
_EPOCHS = {"epoch s": 1.0, "epoch ms": 1e-3, "epoch us": 1e-6, "epoch ns": 1e-9}


def read_moments(column: "pd.Series[Any]", layout: str) -> Floats:
    """(rows,) float64: seconds since 1970 on the wall clock that the cell shows; NaN when it shows none.

    A zone or offset is left out, not converted: the hour at the place counts. `layout` is "ISO8601", a
    strptime format, or "epoch s|ms|us|ns" for numbers.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)
    if getattr(column.dtype, "kind", "O") == "M":
        return _seconds(column.to_numpy())
    if layout in _EPOCHS:
        return read_numbers(column) * _EPOCHS[layout]
    return levels_of(column).numbered(lambda texts: parse_moments(texts, layout))


def parse_moments(texts: list[str], layout: str) -> Floats:
    """(texts,) float64: seconds since 1970, NaN for a text that does not have the layout."""
    lines = lines_of(texts)
    if _SIGNED.search(lines):
        lines = _OFFSET.sub(r"\1", lines)
    if "Z" in lines or "UTC" in lines:
        lines = _ZONE.sub("", lines)
    bare = np.array(lines.split("\n") if texts else [], dtype=object)
    if layout == "ISO8601":
        return _seconds(pd.to_datetime(bare, format=layout, errors="coerce").to_numpy())
    seconds, iso = np.empty(len(texts)), _as_iso(lines, layout, len(texts))
    whole = iso != ""
    # ISO 8601 is read several times as fast as any other layout
    seconds[whole] = _seconds(pd.to_datetime(iso[whole], format="ISO8601", errors="coerce").to_numpy())
    seconds[~whole] = _seconds(pd.to_datetime(bare[~whole], format=layout, errors="coerce").to_numpy())
    return seconds


def _as_iso(lines: str, layout: str, count: int) -> NDArray[Any]:
    """(count,) the lines in ISO 8601; empty where one lacks a digit of the layout, or that has words."""
    iso = np.full(count, "", dtype=object)
    day = layout.split("T")[0].split(" ")[0]
    if (
        not count
        or not {"%Y", "%m", "%d"} <= set(_DIRECTIVE.findall(day))
        or not _PLACES.keys() >= set(_DIRECTIVE.findall(layout))
    ):
        return iso
    end, at = 0, {}
    for token in re.findall(r"%\w|.", day):
        start, end = end, end + _PLACES.get(token, 1)
        at[token] = slice(start, end)
    year, month, day_of_month = at["%Y"], at["%m"], at["%d"]
    pattern = _DIRECTIVE.sub(lambda found: f"[0-9]{{{_PLACES[found[0]]}}}", re.escape(layout))
    whole = re.findall(f"^(?:({pattern})|.*)$", lines, re.MULTILINE)
    iso[:] = [f"{t[year]}-{t[month]}-{t[day_of_month]}{t[end:]}" if t else "" for t in whole]
    return iso


def _seconds(moments: NDArray[Any]) -> Floats:
    stamps = moments.astype("datetime64[us]")
    return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64) / 1e6)


def phase(seconds: Floats, cycle: str) -> Floats:
    """Where in the cycle each moment lies, in [0, 1]; NaN stays NaN."""
    if cycle == "time of day":
        return np.asarray(np.mod(seconds, DAY_S) / DAY_S, dtype=np.float64)
    days = np.floor(seconds / DAY_S)
    if cycle == "weekday":
        # 1970-01-01 was a Thursday; Monday is 0
        return np.asarray(np.mod(days + 3, 7) / 7, dtype=np.float64)
    known = np.isfinite(days)
    dates = np.where(known, days, 0).astype(np.int64).astype("datetime64[D]")
    if cycle == "month":
        part = dates.astype("datetime64[M]").astype(np.int64) % 12 / 12
    else:
        part = (dates - dates.astype("datetime64[Y]")).astype(np.int64) / 366
    return np.asarray(np.where(known, part, np.nan), dtype=np.float64)
