"""How the numbers of a script went while it ran, thinned to what a reader or a model takes in."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from codegen_hpo.objective.results.rows import STEPS, Row, cell_number
from codegen_hpo.records import Series
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.tuner.feedback import spaced

_SERIES, _POINTS = 20, 200
_NAME_BYTES = 80


class _Point(NamedTuple):
    row: Row
    value: float


def trajectory(rows: Iterable[Row], metric: str, *, maximize: bool) -> tuple[Series, ...]:
    """A series of each name in the rows that holds numbers, the metric's first; 20 of 200 points at most."""
    columns: dict[str, list[_Point]] = {metric: []}
    for row in rows:
        for name, cell in row.items():
            if name.lower() in STEPS and name != metric:
                continue
            if name not in columns and len(columns) == _SERIES:
                continue
            if (value := cell_number(cell)) is not None:
                columns.setdefault(name, []).append(_Point(row, value))
    return tuple(
        _series(name, points, maximize if name == metric else None)
        for name, points in columns.items()
        if points
    )


def _series(name: str, points: Sequence[_Point], maximize: bool | None) -> Series:
    """The series; its best point is kept where it is known what is good."""
    steps = _steps([point.row for point in points])
    values = [point.value if math.isfinite(point.value) else math.nan for point in points]
    kept = _kept(values, maximize)
    shown = " ".join(short(name, _NAME_BYTES).split()) or "?"
    return Series(shown, tuple(steps[place] for place in kept), tuple(values[place] for place in kept))


def _steps(rows: Sequence[Row]) -> list[float]:
    """What the rows count by: the first column of steps that rises all along, else 1, 2, 3."""
    names = sorted(
        (name for name in rows[0] if name.lower() in STEPS), key=lambda name: STEPS.index(name.lower())
    )
    for name in names:
        steps = [cell_number(row[name]) if name in row else None for row in rows]
        known = [step for step in steps if step is not None and math.isfinite(step)]
        if len(known) == len(rows) and all(a < b for a, b in itertools.pairwise(known)):
            return known
    return [float(count) for count in range(1, len(rows) + 1)]


def _kept(values: Sequence[float], maximize: bool | None) -> list[int]:
    """The places of the points that stay: evenly spread, the first and the last, the best."""
    finite = [place for place, value in enumerate(values) if not math.isnan(value)]
    best: set[int] = set()
    if maximize is not None and finite:
        best = {(max if maximize else min)(finite, key=values.__getitem__)}
    return spaced(len(values), _POINTS, best)
