"""Python text with syntax colours, cut into tokens by the standard library: nothing is run or imported."""

import builtins
import io
import keyword
import token
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup, escape

from codegen_hpo.contract.frame import visible

_BUILTINS = frozenset(dir(builtins))
_CONSTANTS = frozenset(("True", "False", "None"))
_DEFINING = ("def", "class")


class _Span(NamedTuple):
    """A coloured part of one line."""

    line: int  # 0-based
    start: int
    end: int
    kind: str  # a CSS class


def highlighted(source: str) -> list[Markup]:
    """The text's lines, escaped; what cannot be cut into tokens has no colours from there on."""
    lines = visible(source).split("\n")
    spans: dict[int, list[_Span]] = {}
    for span in _spans("\n".join(lines)):
        spans.setdefault(span.line, []).append(span)
    return [_line(text, spans.get(number, ())) for number, text in enumerate(lines)]


def _line(text: str, spans: "list[_Span] | tuple[()]") -> Markup:
    parts, end = [], 0
    for span in spans:
        stop = min(span.end, len(text))
        if span.start < end or stop <= span.start:
            continue
        parts += [
            escape(text[end : span.start]),
            Markup('<span class="{}">{}</span>').format(span.kind, text[span.start : stop]),
        ]
        end = stop
    return Markup("").join([*parts, escape(text[end:])])


def _spans(source: str) -> Iterator[_Span]:
    before = ""
    try:
        for found in tokenize.generate_tokens(io.StringIO(source).readline):
            if kind := _kind(found, before):
                (first, start), (last, end) = found.start, found.end
                for line in range(first, last + 1):
                    yield _Span(
                        line - 1,
                        start if line == first else 0,
                        end if line == last else len(source),
                        kind,
                    )
            if found.type == token.NAME or found.string.strip():
                before = found.string
    except (tokenize.TokenError, SyntaxError):  # an attempt that is no Python: the rest stays plain
        return


def _kind(found: tokenize.TokenInfo, before: str) -> str:
    name = token.tok_name[found.type]
    if found.type == token.COMMENT:
        return "c"
    if found.type == token.STRING or name.startswith("FSTRING"):
        return "s"
    if found.type == token.NUMBER or found.string in _CONSTANTS:
        return "n"
    if found.type != token.NAME:
        return ""
    if keyword.iskeyword(found.string):
        return "k"
    if before in _DEFINING:
        return "d"
    return "b" if found.string in _BUILTINS and before != "." else ""
