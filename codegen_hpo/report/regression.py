"""What a regression's model gets right: predicted against true, and its residuals."""

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from codegen_hpo.engine.outputs import Floats
from codegen_hpo.report.figure import INK, MUTED, SERIES, draw, label
from codegen_hpo.report.held_out import HeldOutRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 600  # drawn at random where there are more rows
_BINS = 40
_EDGE = 0.005  # the share of residuals on either side that may lie outside


def regression_figures(rows: HeldOutRows, target: str) -> list[Markup]:
    """Predicted against true, and the histogram of true minus predicted."""
    return [
        draw("Predicted against true", lambda axes: _predicted(axes, rows, target), size=(4.8, 3.6)),
        draw("Residuals", lambda axes: _residuals(axes, residuals(rows), target), size=(4.8, 3.6)),
    ]


def residuals(rows: HeldOutRows) -> Floats:
    """(rows,) true minus predicted, in the target's unit."""
    return np.asarray(rows.labels - rows.predictions, dtype=np.float64)


def _predicted(axes: "Axes", rows: HeldOutRows, target: str) -> None:
    count = len(rows.labels)
    generator = np.random.default_rng(0)
    picked = generator.choice(count, _POINTS, replace=False) if count > _POINTS else np.arange(count)
    true, predicted = rows.labels[picked], rows.predictions[picked]
    ends = (
        min(float(true.min()), float(predicted.min())),
        max(float(true.max()), float(predicted.max())),
    )
    axes.plot(ends, ends, color=MUTED, linewidth=1.0, linestyle="--")
    axes.plot(true, predicted, "o", color=SERIES[0], alpha=0.45, markersize=3.5, markeredgewidth=0)
    axes.set(xlabel=f"true {label(target)}", ylabel="predicted")


def _residuals(axes: "Axes", wrong: Floats, target: str) -> None:
    low, high = np.quantile(wrong, [_EDGE, 1 - _EDGE]).tolist()
    room = 0.05 * (high - low) or 1.0
    axes.hist(wrong, bins=_BINS, range=(low - room, high + room), color=SERIES[0], alpha=0.8)
    axes.axvline(0.0, color=INK, linewidth=1.0)
    axes.set(xlabel=f"true minus predicted {label(target)}", ylabel="rows")
