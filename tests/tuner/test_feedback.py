import math

from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.records import Epoch
from codegen_hpo.tuner.feedback import CURVE_POINTS, thinned

losses = st.floats(allow_infinity=True, allow_nan=True)


def curve_of(values: list[float]) -> list[Epoch]:
    return [Epoch(number, 1.0, loss, 0.1 * number) for number, loss in enumerate(values, 1)]


@given(st.lists(losses, min_size=1, max_size=300))
def test_a_thinned_curve_keeps_the_first_the_last_and_the_best_epoch(values: list[float]) -> None:
    curve = curve_of(values)
    kept = thinned(curve)
    assert len(kept) <= CURVE_POINTS
    assert kept[0] == curve[0] or math.isnan(curve[0].inner_loss)
    assert kept[0].number == 1
    assert kept[-1].number == len(curve)
    finite = [epoch.inner_loss for epoch in curve if not math.isnan(epoch.inner_loss)]
    if finite:
        assert min(finite) in [epoch.inner_loss for epoch in kept]
    assert [epoch.number for epoch in kept] == sorted({epoch.number for epoch in kept})


def test_a_short_curve_is_shown_whole() -> None:
    curve = curve_of([3.0, 2.0, 2.5])
    assert thinned(curve) == curve


def test_a_long_curve_uses_all_the_points_there_are() -> None:
    curve = curve_of([1.0 / number for number in range(1, 101)])
    assert len(thinned(curve)) >= CURVE_POINTS - 1
