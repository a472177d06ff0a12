"""Where the model errs: its residuals, or its wrong classes, along each column."""

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from codegen_hpo.engine.outputs import Floats
from codegen_hpo.report.columns import Seen, date_text
from codegen_hpo.report.figure import INK, SERIES, SMALL, draw, label
from codegen_hpo.report.held_out import HeldOutRows
from codegen_hpo.report.regression import residuals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 18  # figures
_BINS = 8  # of a number, with about equal numbers of rows
_LEVELS = 10  # the most frequent
_FEWEST = 5  # rows of a bin or level that is drawn
_DECIMALS, _LARGE = 4, 1e6  # beyond, numbers are written with an exponent


def errors_by_column(rows: HeldOutRows, columns: list[Seen], order: list[str]) -> list[Markup]:
    """A figure a column: quartiles of the residuals, or the share of wrong classes, along its values.

    Args:
        rows: that were predicted.
        columns: what the model saw of them.
        order: names of columns, those to show first.
    """
    ranks = {name: rank for rank, name in enumerate(order)}
    chosen = sorted(columns, key=lambda seen: ranks.get(seen.name, len(ranks)))[:_COLUMNS]
    wrong = residuals(rows) if rows.predictions.ndim == 1 else _missed(rows)
    return [
        draw(
            f"Errors along {label(seen.name, 60)} {seen.unit} {number}",
            partial(_along, seen=seen, wrong=wrong, values=rows.predictions.ndim == 1),
            size=SMALL,
        )
        for number, seen in enumerate(chosen)
    ]


def _missed(rows: HeldOutRows) -> Floats:
    return np.asarray(rows.predictions.argmax(axis=1) != rows.labels, dtype=np.float64)


def _along(axes: "Axes", seen: Seen, wrong: Floats, *, values: bool) -> None:
    parts, names = _parts(seen)
    kept = [(part, name) for part, name in zip(parts, names, strict=True) if len(part) >= _FEWEST]
    x = np.arange(len(kept))
    if values:
        quartiles = np.array([np.quantile(wrong[part], [0.25, 0.5, 0.75]) for part, _ in kept]).reshape(-1, 3)
        axes.vlines(x, quartiles[:, 0], quartiles[:, 2], color=SERIES[0], alpha=0.55, linewidth=5)
        axes.plot(x, quartiles[:, 1], "o", color=INK, markersize=4)
        axes.axhline(0.0, color=INK, linewidth=0.8)
        axes.set_ylabel("true − predicted")
    else:
        axes.bar(x, [100 * wrong[part].mean() for part, _ in kept], color=SERIES[1], alpha=0.75, width=0.7)
        axes.axhline(100 * wrong.mean(), color=INK, linewidth=0.8, linestyle="--")
        axes.set_ylabel("% wrong")
    axes.set_xticks(x, [name for _, name in kept], rotation=35, ha="right", fontsize=7.5)
    axes.set_xlim(-0.6, len(kept) - 0.4)
    axes.set_title(label(f"{seen.name}, {seen.unit}" if seen.unit else seen.name, 40))


def _parts(seen: Seen) -> tuple[list[NDArray[np.int64]], list[str]]:
    """The rows of each bin or level, and its name."""
    if seen.codes is not None:
        counts = np.bincount(seen.codes, minlength=len(seen.levels))
        shown = counts.argsort(kind="stable")[::-1][:_LEVELS].tolist()
        return [np.flatnonzero(seen.codes == code) for code in shown], [
            label(seen.levels[c], 14) for c in shown
        ]
    assert seen.numbers is not None
    known = np.flatnonzero(np.isfinite(seen.numbers))
    numbers = seen.numbers[known]
    last = np.unique(numbers)  # of each part
    if len(last) > _BINS:
        last = np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:]))
    places = np.searchsorted(last, numbers, side="left")
    parts = [known[places == place] for place in range(len(last))]
    names = [_named(seen, seen.numbers[part]) for part in parts]
    missing = np.flatnonzero(~np.isfinite(seen.numbers))
    return [*parts, missing], [*names, "missing"]


def _named(seen: Seen, values: Floats) -> str:
    if not len(values):
        return ""
    if seen.dates:
        return date_text(float(np.median(values)))
    low, high = float(values.min()), float(values.max())
    if low == high:
        return f"{high:z.4g}"
    decimals = max(0, 2 - math.ceil(math.log10(high - low)))
    if decimals > _DECIMALS or high - low > _LARGE:
        return f"{low:z.2g}–{high:z.2g}"
    ends = [f"{end:z.{decimals}f}" for end in (low, high)]
    return "–".join(end.rstrip("0").rstrip(".") if "." in end else end for end in ends)
