"""How the texts of cells are read as numbers."""

import numpy as np
import pytest

from codegen_hpo.table.encoding.moments import parse_moments
from codegen_hpo.table.encoding.numbers import parse_number, parse_numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,234", 1234), ("$5", 5), ("12%", 12), ("-1.5e3", -1500), ("€ 1,000.50", 1000.5), (".5", 0.5)],
)
def test_decorated_numbers_are_read(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "1,23", "abc", "1e999", "nan", "inf", "1_000", "0x10", "٣", "--1", "1 2 a"]
)
def test_other_texts_are_no_numbers(text: str) -> None:
    assert np.isnan(parse_number(text))


def test_many_numbers_are_read_as_each_alone() -> None:
    texts = [
        "1,234",
        "",
        "a\nb",
        "1\n2",
        "12 %",
        "1.234,5",
        "-.5e-3",
        "1,2,3",
        "1\x1f2",
        "\u00a05",
        "5\u2028",
    ]
    for mark in ".,":
        alone = [parse_number(text, mark) for text in texts]
        assert np.array_equal(parse_numbers(texts, mark), alone, equal_nan=True)
    assert parse_numbers(["1\n2", "12 %", "1\x1f2"]).tolist() == [12, 12, 12]
    assert len(parse_numbers([])) == 0


def test_a_long_hostile_text_is_read_in_a_moment() -> None:
    size = 200_000  # a pattern that goes back over it again and again would take minutes
    texts = ["1" * size + "x", ":" * size + "+0100", "1" + " " * size + "Q", "T0" * size, "1," * size]
    assert np.isnan(parse_numbers(texts)).all()
    assert np.isnan(parse_moments([*texts, "2020-01-01 10:00+0100"], "ISO8601")[:-1]).all()
