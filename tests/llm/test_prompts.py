import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from codegen_hpo.llm.prompts import fenced, quoted, render
from codegen_hpo.resources import resource

anything = st.text(st.characters(codec=None), max_size=500)


@given(anything, st.integers(2, 100))
def test_a_quoted_text_stays_one_short_printable_json_string(text: str, limit: int) -> None:
    shown = quoted(text, limit)
    assert len(shown.splitlines()) == 1
    assert not set("<>`") & set(shown)
    assert shown.isascii() or shown.encode()
    assert len(json.loads(shown)) <= limit


@given(anything)
def test_nothing_inside_a_fence_ends_it(text: str) -> None:
    first, *inside, last = fenced(text).split("\n")
    assert first == last
    assert set(first) == {"`"}
    assert not any(line.lstrip().startswith(first) for line in inside)


def test_a_long_text_is_cut_and_says_so() -> None:
    assert quoted("x" * 100, 10) == '"xxxxxxxxx…"'
    assert "… (cut here)" in fenced("x" * 100, 10)


def test_a_value_that_the_template_misses_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("tune_task", card="x")


def test_values_are_never_read_as_templates() -> None:
    values = {"aside": "", "running": [], "trials_left": None, "refused": []}
    values |= {"reasoning": False, "reasons": False, "pace": None, "called": True}
    text = render("tune_question", **values, tool="{{ 7 * 7 }}{% x %}")
    assert "{{ 7 * 7 }}{% x %}" in text


def test_every_template_is_ascii_or_utf8_and_ends_with_one_line_end() -> None:
    files = list(resource("prompts").glob("*.j2"))
    assert len(files) >= 10
    for file in files:
        text = file.read_bytes().decode("utf-8")
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert "\r" not in text
