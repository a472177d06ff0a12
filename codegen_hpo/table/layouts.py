"""Recognises how a column of texts or numbers writes dates and times."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from codegen_hpo.errors import DataError
from codegen_hpo.table.encoding.arrays import Floats
from codegen_hpo.table.encoding.levels import levels_of
from codegen_hpo.table.encoding.moments import DAY_S, parse_moments, read_moments
from codegen_hpo.table.encoding.numbers import parse_number, read_numbers

_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%b %d, %Y",
         "%d %B %Y", "%B %d, %Y", "%d-%b-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%Y%m%d")  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S.%f", "T%H:%M:%S")
_PROBE = 20  # texts that rule most layouts out
_CENTURY_S = 100 * 365.25 * DAY_S


class Layout(NamedTuple):
    """A layout of `encoding.read_moments`, and why it was taken."""

    layout: str
    reason: str


def layout_of(texts: list[str], share: float) -> Layout | None:
    """The layout that reads most of the texts, if it reads this share at least; numbers are no dates."""
    probe = texts[:_PROBE]
    if not probe or np.mean([_dateless(text) for text in probe]) > 1 - share:
        return None
    if _share(probe, "ISO8601") == 1 and _share(texts, "ISO8601") >= share:
        return Layout("ISO8601", "dates as ISO8601")  # the usual case, without a look at a hundred others
    layouts = ["ISO8601", *(day + time for day, time in product(_DAYS, _TIMES))]
    readable = [layout for layout in layouts if _share(probe, layout) >= min(share, 0.5)]
    shares = {layout: _share(texts, layout) for layout in readable}
    best = max(shares, key=lambda layout: shares[layout], default="")
    if not best or shares[best] < share:
        return None
    rivals = [layout for layout in shares if shares[layout] == shares[best] and layout != best]
    doubt = "; could be day first" if any("%d/%m" in rival for rival in rivals) and "%m/%d" in best else ""
    return Layout(best, f"dates as {best}{doubt}")


def moments_of(column: "pd.Series[Any]") -> Floats:
    """(rows,) float64: what orders a column in time, NaN where it is missing. Raises DataError."""
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iuf":
        return read_numbers(column)
    names = levels_of(column).texts[:5_000].tolist()
    layout = Layout("ISO8601", "") if kind == "M" else layout_of(names, 0.5)
    if layout is None:
        shown = f", such as {names[0]!r:.60}" if names else ": it is empty"
        raise DataError(
            f"column {str(column.name)!r} does not tell a time{shown}",
            hint="Name a column of dates, times or increasing numbers.",
        )
    return read_moments(column, layout.layout)


def epoch_of(numbers: Floats) -> str | None:
    """The unit in which numbers count from 1970, judged by their size: within a century of 1970 at most."""
    known = np.abs(numbers[~np.isnan(numbers)])
    if not len(known):
        return None
    size = float(np.median(known))
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)):
        if size <= _CENTURY_S * scale:
            return f"epoch {unit}"
    return None


def _share(texts: list[str], layout: str) -> float:
    return float(np.mean(~np.isnan(parse_moments(texts, layout))))


def _dateless(text: str) -> bool:
    """Whether a text can be no date: too short or long, without digits, or a number other than YYYYMMDD."""
    if not 6 <= len(text) <= 40 or not any(character.isdigit() for character in text):
        return True
    number = parse_number(text)
    return not np.isnan(number) and not (len(text) == 8 and 1800 <= number / 10_000 <= 2200)
