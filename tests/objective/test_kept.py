"""Head and tail of a stream."""

from codegen_hpo.objective.kept import HEAD_BYTES, TAIL_BYTES, Kept


def test_a_tail_begins_with_a_whole_line() -> None:
    kept = Kept()
    for _ in range(100_000):
        kept.feed(b"1234567.5\n")
    lines = kept.tail().splitlines()
    assert set(lines) == {"1234567.5"}
    assert len(lines) > TAIL_BYTES // 11


def test_a_single_endless_line_is_kept_in_part() -> None:
    kept = Kept()
    kept.feed(b"x" * (TAIL_BYTES * 3))
    assert len(kept.tail()) == TAIL_BYTES
    assert HEAD_BYTES + TAIL_BYTES < len(kept.head_and_tail()) < HEAD_BYTES + TAIL_BYTES + 100


def test_what_fits_is_kept_whole_whatever_its_pieces() -> None:
    kept = Kept()
    for _ in range(HEAD_BYTES + 10):
        kept.feed(b"y")
    assert kept.tail() == "y" * (HEAD_BYTES + 10)
    assert kept.head_and_tail() == b"y" * (HEAD_BYTES + 10)
