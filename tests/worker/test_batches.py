from itertools import accumulate, pairwise

import pytest
from batches import POINT_ROWS, Span, spans
from hypothesis import given
from hypothesis import strategies as st


def edges(parts: list[Span]) -> list[int]:
    """Where batches begin and end."""
    return list(accumulate((size for part in parts for size in part.sizes), initial=0))


@given(rows=st.integers(1, 5000), batch_size=st.integers(1, 700))
def test_every_row_is_in_one_batch_and_none_is_alone(rows: int, batch_size: int) -> None:
    found = edges(spans(rows, batch_size))
    assert found[-1] == rows
    sizes = [stop - start for start, stop in pairwise(found)]
    assert all(size <= batch_size + 1 for size in sizes)
    if rows > 1 and batch_size > 1:
        assert min(sizes) > 1


@given(rows=st.integers(1, 3_000_000), batch_size=st.integers(1000, 400_000))
def test_a_large_table_has_several_points_of_about_the_same_size(rows: int, batch_size: int) -> None:
    parts = spans(rows, batch_size)
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert all(part.stop - part.start == sum(part.sizes) for part in parts)
    lengths = [len(part.sizes) for part in parts]
    assert max(lengths) - min(lengths) <= 1
    assert all(sum(part.sizes) <= POINT_ROWS + batch_size + 1 for part in parts)


@pytest.mark.parametrize(("rows", "points"), [(2 * POINT_ROWS, 2), (2 * POINT_ROWS + 1, 3), (1_570_000, 6)])
@pytest.mark.parametrize("batch_size", [256, 300, 3_000, 50_000])
def test_the_points_of_a_pass_are_the_same_for_every_call(rows: int, points: int, batch_size: int) -> None:
    """Pruning compares the points of one call with those of others."""
    assert len(spans(rows, batch_size)) == points


def test_a_table_below_the_size_of_a_point_has_one() -> None:
    assert len(spans(POINT_ROWS, 256)) == 1
    assert len(spans(POINT_ROWS + 256, 256)) == 2
