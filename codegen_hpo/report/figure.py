"""Draws figures as inline SVG whose colours follow the page: light, dark or printed.

Matplotlib draws with placeholder colours, which become CSS variables afterwards. Text stays text; names that
come from a table or a model are no markup to Matplotlib, whose mathtext is switched off. The same figure is
the same text, byte for byte.
"""

import io
import math
import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from codegen_hpo.errors import ConfigError
from codegen_hpo.sandbox.plain_text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, LINE, PAPER = "#010101", "#010102", "#010103", "#010104"
SERIES = tuple(f"#0102{number:02x}" for number in range(8))
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", PAPER: "--paper"} | {
    colour: f"--series{number}" for number, colour in enumerate(SERIES)
}
_COLOUR = re.compile("|".join(_VARIABLES))
_LEFT_OUT = re.compile(r"\n *<metadata>.*?</metadata>|<style type=\"text/css\">.*?</style>", re.DOTALL)
_IDS = re.compile(r'(<g) id="[^"]*"')
_OPENING = re.compile(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", re.DOTALL)
_STYLE = {
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": LINE,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "legend.title_fontsize": 9.0,
    "lines.linewidth": 1.6,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
}
SIZE = (4.8, 3.0)  # inches of 72 units: about 350, the width of a phone
SMALL = (3.4, 2.3)  # of figures three beside one another
_FENCE = 1.5  # quartile ranges beyond the quartiles, where an axis ends at the latest (Tukey)
_TICKS = 6


def load_matplotlib() -> Any:
    """Matplotlib. Raises ConfigError if it is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise ConfigError(
            "plots need matplotlib, which is not installed", hint="pip install 'codegen-hpo[plot]'"
        ) from None
    return mpl


def draw(name: str, plot: Callable[["Axes"], None], *, size: tuple[float, float] = SIZE) -> Markup:
    """The figure as an SVG element that fills the width it is given.

    Args:
        name: what it shows, for those who do not see it; different for each figure of a page.
        plot: draws it with the colours of this file.
        size: width and height in inches.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    mpl = load_matplotlib()
    from matplotlib.figure import Figure

    file = io.StringIO()
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # a reader's browser has the characters that the font with which widths are measured lacks
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=size, layout="constrained")
        plot(figure.add_subplot())
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _inline(file.getvalue(), name)


def _inline(text: str, name: str) -> Markup:
    svg = _LEFT_OUT.sub("", text[text.index("<svg") :])
    svg = _IDS.sub(r"\1", svg)
    svg = _COLOUR.sub(lambda found: f"var({_VARIABLES[found[0]]})", svg)
    head = f'<svg class="chart" role="img" aria-label="{escape(name)}" '
    return Markup(_OPENING.sub(lambda found: f"{head}{found[1]}>", svg, count=1).strip())


def label(text: object, limit: int = 26) -> str:
    """A foreign text for a figure: on one line, cut, without characters that do not show."""
    kept = "".join(c for c in plain(str(text)).replace("\n", " ") if unicodedata.category(c)[0] != "C")
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}…"


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Gives a logarithmic axis a few ticks between two numbers above zero, written as plain numbers."""
    from matplotlib.ticker import NullLocator

    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        ticks = [tick for tick in ticks if low <= tick * 1.001 and tick <= high * 1.001]
        if len(ticks) <= _TICKS:
            break
    else:
        ticks = ticks[:: math.ceil(len(ticks) / _TICKS)]
    axis.set_ticks(ticks or [low, high], [f"{tick:g}" for tick in ticks or [low, high]])
    axis.set_minor_locator(NullLocator())


def limits(values: Sequence[float], *, keep: float | None = None) -> tuple[float, float]:
    """Where an axis ends so that a few values far from all others do not press these together.

    Args:
        values: to be shown.
        keep: lies on the axis, however far.
    """
    import numpy as np

    low, high = float(np.min(values)), float(np.max(values))
    lower, upper = np.quantile(values, [0.25, 0.75])
    room = _FENCE * (upper - lower)
    if room > 0:
        low, high = max(low, lower - room), min(high, upper + room)
    if keep is not None:
        low, high = min(low, keep), max(high, keep)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return float(low - margin), float(high + margin)
