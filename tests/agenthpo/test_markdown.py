import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from codegen_hpo.agenthpo.markdown import INLINE_CHARACTERS, code, inline, quotation, table

HOSTILE = (
    "# heading",
    "fine\n# heading\n\n## another",
    "fine\n===",
    "fine\n---",
    "- item\n* item\n+ item\n1. item\n2) item",
    "> quoted",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "a\n:-:",
    "[text](http://evil.example)",
    "![image](http://evil.example/x.png)",
    "[x]: http://evil.example\n[x]",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<http://evil.example>",
    "&lt;b&gt; &#60;b&#62;",
    "**bold** *slanted* __bold__ _slanted_ ~~struck~~ $x$",
    "`code` ```\nfence\n```",
    "~~~\nfence\n~~~",
    "    indented code",
    "\tindented code",
    "trailing\\",
    "ends the cell | begins another",
    "\x1b[31mred\x1b[0m \u202eturned\u202c\u2028line",
    "http://evil.example/a_b_c?x=`y` www.evil.example me@evil.example",
    "https://evil.example/|x|",
)
_TEXT = {"paragraph_open", "paragraph_close", "inline", "text", "softbreak", "hardbreak", "code_inline"}
_QUOTED = {"blockquote_open", "blockquote_close"}


def tokens(markdown: str) -> list[Token]:
    found = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        found += [token, *(token.children or [])]
    return found


def kinds(markdown: str) -> set[str]:
    return {token.type for token in tokens(markdown)}


def shown(markdown: str) -> str:
    """What a reader sees."""
    spaces = dict.fromkeys(("softbreak", "hardbreak", "paragraph_close"), " ")
    said = [t for t in tokens(markdown) if t.type in {"text", "code_inline", *spaces}]
    return " ".join("".join(spaces.get(token.type, token.content) for token in said).split())


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_nothing_but_text(text: str) -> None:
    assert kinds(inline(text)) <= _TEXT
    assert kinds(f"- said: {code(text)}") <= _TEXT | {
        f"{kind}_{end}" for kind in ("bullet_list", "list_item") for end in ("open", "close")
    }
    assert kinds(quotation(text)) <= _TEXT | _QUOTED


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_in_its_cell(text: str) -> None:
    made = tokens(table(["a", "b"], [[inline(text), code(text)], ["1", "2"]]))
    assert [token.type for token in made].count("td_open") == 4
    assert {
        t.type for t in made if not t.type.startswith(("table", "thead", "tbody", "tr", "th", "td"))
    } <= _TEXT


@given(st.text(alphabet=st.sampled_from("ab1 .|_*#`<>[]()!&~-+=:\\\n\t@/$"), max_size=40))
def test_any_text_is_shown_as_it_was_written(text: str) -> None:
    one_line = " ".join(text.split())
    assert shown(inline(text)) == one_line
    assert shown(code(text)) == one_line
    assert shown(quotation(text)) == one_line
    assert kinds(quotation(text)) <= _TEXT | _QUOTED


def test_ordinary_words_are_left_as_they_are() -> None:
    said = "val_accuracy rose to 0.97 (trial 3); lr -> 1e-3, no overfitting - fine."
    assert inline(said) == said


def test_a_quotation_keeps_its_lines() -> None:
    assert quotation("first\n\nsecond") == "> first  \n>\n> second  "


def test_a_long_text_is_cut() -> None:
    assert len(inline("x" * 10_000)) == INLINE_CHARACTERS
    assert inline("x" * 10_000).endswith("…")
    assert len(quotation("line\n" * 10_000)) < 10_000


def test_a_long_word_takes_no_long_time_to_read() -> None:
    text = "a" * 200_000
    assert inline(text, limit=300_000) == text
    assert inline(f"{text}@b c", limit=300_000) == f"`{text}@b` c"
