"""How a shuffled epoch is cut into batches."""

from typing import NamedTuple

_SPAN_ROWS = 1 << 18  # rows gathered at once: bounds the copy of a large table


class Span(NamedTuple):
    """Neighbouring batches that are gathered together."""

    start: int
    stop: int
    batches: list[tuple[int, int]]  # (start, stop) inside the span


def spans(rows: int, batch_size: int) -> list[Span]:
    """The spans of an epoch. A last batch of one row joins the one before it.

    One row alone has no variance, on which batch normalisation fails.
    """
    starts = list(range(0, rows, batch_size))
    if len(starts) > 1 and rows - starts[-1] == 1:
        starts.pop()
    bounds = list(zip(starts, [*starts[1:], rows], strict=True))
    batches_a_span = max(1, _SPAN_ROWS // batch_size)
    groups = [bounds[at : at + batches_a_span] for at in range(0, len(bounds), batches_a_span)]
    return [
        Span(group[0][0], group[-1][1], [(start - group[0][0], stop - group[0][0]) for start, stop in group])
        for group in groups
    ]
