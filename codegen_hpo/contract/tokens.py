"""Limits that only the tokens show: brackets and rows of strings leave no trace in the tree of `ast`."""

import io
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from codegen_hpo.records import Finding

MAX_TOKENS = 12_000  # a file of 50 kB, written by hand, has about so many
MAX_BRACKETS = 30  # open at once
MAX_TRIED_BRACKETS = 3  # libcst 1.9 reads each bracket of a pattern or of `del` in several ways: base 2 to 4
MAX_STRINGS = 50  # adjacent string literals: libcst nests them

_FSTRING_START = getattr(tokenize, "FSTRING_START", None)  # Python 3.12 and newer
_FSTRING_END = getattr(tokenize, "FSTRING_END", None)
_SILENT = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}


class _Place(NamedTuple):
    """A token with what is open around it."""

    token: tokenize.TokenInfo
    brackets: int  # open, those within an f-string included
    tried: bool  # in a statement that begins with `case` or `del`
    strings: int  # adjacent ones up to here


def token_findings(source: str) -> list[Finding]:
    """The first limit that a source which `ast` can read exceeds; empty when it keeps them all."""
    try:
        for number, place in enumerate(_places(source), 1):
            line = place.token.start[0]
            if number > MAX_TOKENS:
                message = f"the source has more than {MAX_TOKENS:,} tokens"
                return [_finding("size", message, None, "write one function and the few modules it needs")]
            if place.strings > MAX_STRINGS:
                return [
                    _finding("nesting", f"more than {MAX_STRINGS} adjacent strings", line, "write one string")
                ]
            limit = MAX_TRIED_BRACKETS if place.tried else MAX_BRACKETS
            if place.brackets > limit:
                where = " in a case or del statement" if place.tried else ""
                message = f"more than {limit} brackets are open at once{where}"
                return [_finding("nesting", message, line, "split the expression into statements")]
    except (tokenize.TokenError, SyntaxError) as error:
        return [_finding("syntax", f"the source cannot be split into tokens: {error}"[:400])]
    return []


def _places(source: str) -> Iterator[_Place]:
    brackets = strings = inside = 0
    tried, starts = False, True  # `starts`: a statement may begin at this token
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        inside += (token.type == _FSTRING_START) - (token.type == _FSTRING_END)
        is_string = token.type in {tokenize.STRING, _FSTRING_END}
        if not inside and token.type not in {tokenize.NL, tokenize.COMMENT}:
            strings = strings + 1 if is_string else 0
        if starts and token.type == tokenize.NAME:
            tried = token.string in {"case", "del"}
        if token.type not in _SILENT:
            starts = token.type == tokenize.NEWLINE or (token.string in {";", ":"} and not brackets)
        if token.type == tokenize.OP:
            brackets += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
        within = _deepest(token.string) if token.type == tokenize.STRING and _is_fstring(token.string) else 0
        yield _Place(token, brackets + within, tried, strings)
        if starts and token.type != tokenize.NAME:
            tried = False


def _is_fstring(literal: str) -> bool:
    return "f" in literal[: literal.find(literal[-1])].lower()


def _deepest(literal: str) -> int:
    """How many brackets are open at once in an f-string that is one token (Python 3.11), at most."""
    depth = deepest = 0
    for character in literal:
        depth += (character in "([{") - (character in ")]}" and depth > 0)
        deepest = max(deepest, depth)
    return deepest


def _finding(rule: str, message: str, line: int | None = None, hint: str = "") -> Finding:
    return Finding(gate="syntax", rule=rule, message=message, line=line, hint=hint)
