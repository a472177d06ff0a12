"""What a classifier gets right: the classes it confuses, its ROC curves, whether its probabilities hold."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from codegen_hpo.report.figure import INK, MUTED, PAPER, SERIES, draw, label
from codegen_hpo.report.held_out import HeldOutRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CLASSES = 12  # of a confusion matrix, the most frequent; others are taken together
_FEW = 4  # classes of a confusion matrix that has room for percentages
_CURVES = 6  # classes with a ROC curve and a calibration of their own
_ENDS = (-0.02, 1.02)
_BINS = 10  # of a calibration, with equal numbers of rows
_POINTS = 120  # of a ROC curve
_WIDTH, _HEIGHT = 4.0, 3.2  # inches: three stand beside one another
_FEWEST = 10  # rows of a class with a ROC curve


class _Shown(NamedTuple):
    """The classes as the figures name them."""

    names: list[str]
    true: NDArray[Any]  # (rows,) places in `names`
    predicted: NDArray[Any]


def class_figures(rows: HeldOutRows, target: str, classes: tuple[str, ...]) -> list[Markup]:
    """Confusion matrix, ROC curves and calibration."""
    shown = _shown(rows, classes)
    height = max(_HEIGHT, min(_WIDTH, 1.9 + 0.3 * len(shown.names)))
    size = (_WIDTH, _HEIGHT)
    return [
        draw("Confusion matrix", lambda axes: _confusion(axes, shown, target), size=(_WIDTH, height)),
        draw("ROC curves", lambda axes: _roc(axes, rows, target, classes), size=size),
        draw("Calibration", lambda axes: _calibration(axes, rows, target, classes), size=size),
    ]


def _shown(rows: HeldOutRows, classes: tuple[str, ...]) -> _Shown:
    predicted = rows.predictions.argmax(axis=1)
    if len(classes) <= _CLASSES:
        return _Shown([label(name, 14) for name in classes], rows.labels, predicted)
    kept = np.sort(np.bincount(rows.labels, minlength=len(classes)).argsort()[::-1][: _CLASSES - 1])
    places = np.full(len(classes), len(kept))
    places[kept] = np.arange(len(kept))
    names = [*(label(classes[code], 14) for code in kept), "all others"]
    return _Shown(names, places[rows.labels], places[predicted])


def _confusion(axes: "Axes", shown: _Shown, target: str) -> None:
    from matplotlib.patches import Rectangle

    names = shown.names
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (shown.true, shown.predicted), 1)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    few = len(names) <= _FEW
    for (row, column), count in np.ndenumerate(counts):
        part = float(shares[row, column])
        colour, corner = SERIES[0 if row == column else 1], (column - 0.5, row - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, color=colour, alpha=0.08 + 0.62 * part, linewidth=0))
        if count:
            text = f"{count}\n{100 * part:.0f} %" if few else str(count)
            axes.text(column, row, text, ha="center", va="center", fontsize=9 if few else 7.5, color=INK)
    axes.set_xticks(range(len(names)), names, rotation=0 if few else 60, ha="center" if few else "right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set(xlabel="predicted", ylabel=f"true {label(target)}")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _curve_classes(rows: HeldOutRows, classes: tuple[str, ...]) -> list[int]:
    """The classes that have a curve: the positive one of two, else the most frequent."""
    counts = np.bincount(rows.labels, minlength=len(classes))
    enough = [code for code in counts.argsort()[::-1].tolist() if _FEWEST <= counts[code] < len(rows.labels)]
    if len(classes) == 2:
        return [1] if 1 in enough else []
    return sorted(enough[:_CURVES])


def _roc(axes: "Axes", rows: HeldOutRows, target: str, classes: tuple[str, ...]) -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    axes.plot((0, 1), (0, 1), color=MUTED, linewidth=1.0, linestyle="--")
    for number, code in enumerate(_curve_classes(rows, classes)):
        true, chance = rows.labels == code, rows.predictions[:, code]
        false_rate, true_rate, _ = roc_curve(true, chance)
        picked = np.unique(np.linspace(0, len(false_rate) - 1, _POINTS).astype(int))
        axes.plot(
            false_rate[picked],
            true_rate[picked],
            color=SERIES[number],
            label=f"{label(classes[code], 16)}: area {roc_auc_score(true, chance):.3f}",
        )
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=_ENDS, ylim=_ENDS)
    _legend(axes, target, "lower right")


def _calibration(axes: "Axes", rows: HeldOutRows, target: str, classes: tuple[str, ...]) -> None:
    """The share of rows of a class, against the probability it was given, by tenths of the rows."""
    axes.plot((0, 1), (0, 1), color=MUTED, linewidth=1.0, linestyle="--")
    for number, code in enumerate(_curve_classes(rows, classes)):
        chance = rows.predictions[:, code]
        parts = np.array_split(np.argsort(chance, kind="stable"), _BINS)
        points = [(chance[part].mean(), (rows.labels[part] == code).mean()) for part in parts if len(part)]
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            "o-",
            color=SERIES[number],
            markersize=4.5,
            markeredgecolor=PAPER,
            label=label(classes[code], 16),
        )
    axes.set(xlabel="predicted probability", ylabel="share that is so", xlim=_ENDS, ylim=_ENDS)
    _legend(axes, target, "upper left")


def _legend(axes: "Axes", target: str, place: Literal["lower right", "upper left"]) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=place, title=label(target), alignment="left")
