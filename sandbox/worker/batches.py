"""How a shuffled pass over the training rows is cut into batches, and those into points of the curve."""

from itertools import pairwise
from typing import NamedTuple

# Rows between two looks at the early-stopping rows, at most, but for a part of a batch: on a large table,
# training can so stop, and keep its best weights, inside a pass. These rows are gathered at once, which
# bounds the copy.
POINT_ROWS = 1 << 18


class Span(NamedTuple):
    """Neighbouring batches that are gathered together and end at a point of the curve."""

    start: int  # of its rows in the shuffled order
    stop: int
    sizes: list[int]  # rows of each batch


def spans(rows: int, batch_size: int) -> list[Span]:
    """The spans of a pass, as equal as whole batches allow, and as many for each size of batch.

    A last batch of one row joins the one before it: it has no variance, on which batch normalisation fails.
    """
    starts = list(range(0, rows, batch_size))
    if len(starts) > 1 and rows - starts[-1] == 1:
        starts.pop()
    bounds = [*starts, rows]
    batches = len(starts)
    count = min(batches, -(-rows // POINT_ROWS))
    edges = [batches * place // count for place in range(count + 1)]
    return [
        Span(bounds[first], bounds[last], [bounds[at + 1] - bounds[at] for at in range(first, last)])
        for first, last in pairwise(edges)
    ]
