"""What a child tells its server of a training."""

from itertools import pairwise
from pathlib import Path

import frames
import pytest
from child import Reporter
from training import Epoch, Fit

from codegen_hpo.sandbox.protocol import CurvePoint, read_curve

WHOLE = frames.CAPS[frames.CURVE] // 28  # points of 28 bytes


def told(tmp_path: Path, points: int, best: int) -> list[CurvePoint]:
    """What the host reads of a curve whose losses are the numbers of its points."""
    fit = Fit([Epoch(number, -number, 0.5 * number) for number in range(1, points + 1)], best)
    with (tmp_path / "frames").open("w+b") as file:
        Reporter(file.fileno()).fit(fit)
        file.seek(0)
        frame = frames.read(file.fileno())
    assert len(frame.payload) <= frames.CAPS[frames.CURVE]
    curve = read_curve(frame.payload)
    assert all(point == (point.number, point.number, -point.number, point.number / 2) for point in curve)
    return curve


def test_a_curve_is_told_whole(tmp_path: Path) -> None:
    assert [point.number for point in told(tmp_path, WHOLE, 1)] == list(range(1, WHOLE + 1))


@pytest.mark.parametrize("points", [WHOLE + 1, 3 * WHOLE])
def test_a_curve_too_long_to_send_is_thinned_evenly(tmp_path: Path, points: int) -> None:
    best = points - 7
    numbers = [point.number for point in told(tmp_path, points, best)]
    assert (numbers[0], numbers[-1]) == (1, points)
    assert best in numbers
    assert WHOLE - 1 <= len(numbers) <= WHOLE
    steps = {later - number for number, later in pairwise(numbers)}
    assert max(steps) <= points // WHOLE + 1
