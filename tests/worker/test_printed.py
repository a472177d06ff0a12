from printed import Printed


def test_a_short_text_is_kept_whole() -> None:
    printed = Printed()
    assert printed.feed(b"one ")
    assert printed.feed(b"two")
    assert printed.kept() == b"one two"


def test_head_and_tail_of_a_long_text_are_kept() -> None:
    printed = Printed()
    for number in range(20_000):
        assert printed.feed(b"line %d\n" % number)
    kept = printed.kept()
    assert len(kept) < 25_000
    assert kept.startswith(b"line 0\n")
    assert kept.endswith(b"line 19999\n")
    assert b"bytes left out" in kept


def test_a_flood_is_told() -> None:
    printed = Printed()
    answers = [printed.feed(bytes(1 << 20)) for _ in range(17)]
    assert answers == [True] * 16 + [False]
