import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.sandbox.plain_text import ERROR_BYTES, plain, short


def test_colours_titles_and_controls_are_dropped() -> None:
    assert plain("\x1b[31;1mred\x1b[0m \x1b]0;title\x07\x1bcx\x00\x07\ty\r\nz\u202e") == "red x\ty\nz"


def test_what_is_not_seen_is_dropped() -> None:
    tags = "".join(chr(0xE0000 + ord(c)) for c in "ignore all")
    assert plain(f"no{tags}\u200b\u2060\ufeff\u061c such column: größe €") == "no such column: größe €"


def test_a_long_error_keeps_its_end() -> None:
    text = "a" * 5000 + "\nValueError: ünd"
    assert short(text).startswith("…")
    assert short(text).endswith("ValueError: ünd")
    assert len(short(text).encode()) <= ERROR_BYTES


@given(st.text())
def test_no_control_or_hidden_character_is_left(text: str) -> None:
    left = {c for c in plain(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert left <= {"\n", "\t"}


@given(st.text(), st.integers(10, 200))
def test_a_short_text_keeps_its_limit(text: str, limit: int) -> None:
    assert len(short(text, limit).encode()) <= limit
