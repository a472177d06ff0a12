"""How long a training goes on by the rules of the worker's loop, in points of its curve.

The numbers are those of `sandbox/worker/settings.py` and `batches.py`, which a test holds together.
"""

import math

from codegen_hpo.space import Arguments

POINT_ROWS = 1 << 18  # between two points of the curve at most; a pass over fewer rows is one point
EPOCHS, STEPS = 100, 3000  # of a training without max_epochs, whichever is longer
PATIENCE_POINTS, PATIENCE_STEPS = 16, 200  # without a better early-stopping loss, whichever is longer
_BATCH_ROWS = 256  # without batch_size


def points_a_pass(arguments: Arguments, rows: int) -> int:
    """The points of the curve in one pass over the training rows."""
    return min(_steps(arguments, rows), math.ceil(rows / POINT_ROWS))


def longest(arguments: Arguments, rows: int) -> int:
    """The points of a training that nothing stops early.

    Args:
        arguments: of the call.
        rows: training rows.
    """
    passes = max(EPOCHS, math.ceil(STEPS / _steps(arguments, rows)))
    return _whole_number(arguments, "max_epochs", passes) * points_a_pass(arguments, rows)


def patience(arguments: Arguments, rows: int) -> int:
    """The points that may pass without a better early-stopping loss: the unit in which trainings last."""
    points = points_a_pass(arguments, rows)
    if (passes := _whole_number(arguments, "patience", 0)) > 0:
        return passes * points
    return max(PATIENCE_POINTS, math.ceil(PATIENCE_STEPS / (_steps(arguments, rows) // points)))


def _steps(arguments: Arguments, rows: int) -> int:
    """Of one pass; a last row alone joins the batch before it."""
    return max(1, math.ceil((rows - 1) / _whole_number(arguments, "batch_size", _BATCH_ROWS)))


def _whole_number(arguments: Arguments, name: str, default: int) -> int:
    value = arguments.get(name)
    return value if isinstance(value, int) and value > 0 else default
