"""What the model saw of each held-out row, told in the table's own terms: the encoding, undone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.engine.outputs import Floats
from codegen_hpo.report.held_out import HeldOutRows
from codegen_hpo.table.encoding import Encoding
from codegen_hpo.table.encoding.blocks import Block, Category, Flag, Gap, Moment, Number, Scaling

_DAY_HOURS = 24.0
_DIGITS = 5  # of a number, counted from those of its column's spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One column as the model saw it; either numbers or levels."""

    name: str
    numbers: Floats | None = None  # (rows,) in the column's unit, NaN where it was missing
    unit: str = ""  # "hour of the day", "seconds"; empty for the column's own
    dates: bool = False  # the numbers are days since 1970
    codes: NDArray[np.int64] | None = None  # (rows,) into `levels`
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Columns that are shuffled together, for the model sees what they make with one another."""

    names: tuple[str, ...]
    numeric: tuple[int, ...]  # their columns of x_num
    categorical: tuple[int, ...]  # of x_cat


def seen_columns(encoding: Encoding, rows: HeldOutRows) -> list[Seen]:
    """The columns of the held-out rows; without texts that became several numbers, which have no order."""
    found: list[Seen] = []
    start = category = 0
    for block in encoding.blocks:
        width = len(block.names)
        found += _seen(block, rows.x_num[:, start : start + width].astype(np.float64), rows.x_cat, category)
        start += width
        category += isinstance(block, Category)
    return found


def _seen(block: Block, x: Floats, x_cat: NDArray[np.int64], category: int) -> Iterator[Seen]:
    match block:
        case Number():
            numbers = _unscaled(block.scaling, x[:, 0])
            yield Seen(name=block.source, numbers=_without_missing(numbers, x, block.indicator))
        case Flag():
            codes = np.where(x[:, -1] > 0.5, 2, x[:, 0] > 0.5) if block.indicator else x[:, 0] > 0.5
            levels = ("false", "true", "missing")
            yield Seen(name=block.source, codes=codes.astype(np.int64), levels=levels)
        case Moment():
            yield from _moment(block, x)
        case Gap():
            name = f"{block.source} to {block.until}"
            yield Seen(name=name, numbers=_unscaled(block.scaling, x[:, 0]), unit="seconds")
        case Category():
            levels = ("missing or new", *(("rare ones",) if block.rare else ()), *block.levels)
            yield Seen(name=block.source, codes=x_cat[:, category], levels=levels)


def _moment(block: Moment, x: Floats) -> Iterator[Seen]:
    missing = x[:, -1] > 0.5 if block.indicator else np.zeros(len(x), dtype=bool)
    if block.elapsed:
        days = np.where(missing, np.nan, _unscaled(block.elapsed, x[:, 2 * len(block.cycles)]))
        yield Seen(name=block.source, numbers=days, dates=True)
    if "time of day" in block.cycles:
        at = 2 * block.cycles.index("time of day")
        hours = np.mod(np.arctan2(x[:, at], x[:, at + 1]) / (2 * np.pi), 1.0) * _DAY_HOURS
        yield Seen(name=block.source, numbers=np.where(missing, np.nan, hours), unit="hour of the day")


def _unscaled(scaling: Scaling, scaled: Floats) -> Floats:
    """The inverse of `Scaling.apply`, as far as it was not cut to its limit, without the noise of float32."""
    if scaling.points:
        spread = scaling.points[-1] - scaling.points[0]
        numbers = np.asarray(np.interp(scaled, scaling.scores, scaling.points), dtype=np.float64)
    else:
        spread, numbers = abs(scaling.scale), scaled * scaling.scale + scaling.center
    if not 0 < spread < np.inf:
        return numbers
    step = 10.0 ** (np.floor(np.log10(spread)) - _DIGITS)
    return np.asarray(np.round(numbers / step) * step + 0.0, dtype=np.float64)  # no -0


def _without_missing(numbers: Floats, x: Floats, indicator: bool) -> Floats:
    return np.where(x[:, 1] > 0.5, np.nan, numbers) if indicator else numbers


def groups(encoding: Encoding) -> list[Group]:
    """The table's columns, those joined whose difference the model is given."""
    joined: dict[str, set[str]] = {name: {name} for name in encoding.sources}
    for block in encoding.blocks:
        if isinstance(block, Gap):
            both = joined[block.source] | joined[block.until]
            joined |= dict.fromkeys(both, both)
    numeric: dict[str, list[int]] = {name: [] for name in encoding.sources}
    categorical: dict[str, list[int]] = {name: [] for name in encoding.sources}
    start = category = 0
    for block in encoding.blocks:
        numeric[block.source] += range(start, start + len(block.names))
        start += len(block.names)
        if isinstance(block, Category):
            categorical[block.source].append(category)
            category += 1
    sets = list(dict.fromkeys(tuple(n for n in encoding.sources if n in joined[m]) for m in encoding.sources))
    return [
        Group(
            names=names,
            numeric=tuple(i for name in names for i in numeric[name]),
            categorical=tuple(i for name in names for i in categorical[name]),
        )
        for names in sets
    ]


def date_text(days: float) -> str:
    """The date of so many days since 1970; empty where it has none."""
    try:
        return f"{datetime.fromtimestamp(0, UTC) + timedelta(days=days):%Y-%m-%d}"
    except (OverflowError, ValueError):
        return ""
