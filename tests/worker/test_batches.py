from itertools import pairwise

from batches import spans
from hypothesis import given
from hypothesis import strategies as st


@given(rows=st.integers(1, 5000), batch_size=st.integers(1, 700))
def test_every_row_is_in_one_batch_and_none_is_alone(rows: int, batch_size: int) -> None:
    bounds = [(s.start + a, s.start + b) for s in spans(rows, batch_size) for a, b in s.batches]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == rows
    assert all(left[1] == right[0] for left, right in pairwise(bounds))
    sizes = [stop - start for start, stop in bounds]
    assert all(size <= batch_size + 1 for size in sizes)
    if rows > 1 and batch_size > 1:
        assert min(sizes) > 1


def test_a_large_table_is_gathered_in_several_spans() -> None:
    parts = spans(1_000_000, 4096)
    assert len(parts) > 3
    assert max(part.stop - part.start for part in parts) <= 1 << 18
