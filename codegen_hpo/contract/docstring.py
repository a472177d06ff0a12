"""Reads a docstring's title and what it says of each argument: Google, NumPy and Sphinx style."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_TITLE = 200
MAX_DESCRIPTION = 400

_SECTIONS = frozenset(
    {"args", "arguments", "parameters", "params", "hyperparameters", "hyper-parameters"}
    | {"keyword args", "keyword arguments", "keyword-only args", "keyword-only arguments"}
    | {"other parameters"}
)
_OTHER_SECTIONS = frozenset(
    {"returns", "return", "yields", "raises", "note", "notes", "example", "examples", "references"}
    | {"warning", "warnings", "see also", "attributes", "todo", "shape", "output", "outputs"}
)
# no two neighbours repeat the same characters: linear on any text
_HEADER = re.compile(r"^[*_#]* ?([A-Za-z][A-Za-z -]*)(:?)[*_]*(:?)$")
_UNDERLINE = re.compile(r"^(?:-{3,}|={3,})$")
_ENTRY = re.compile(r"^(?:[-*+•] )?[`*]*(\w+)[`*]*(.*)$")
_FIELD = re.compile(r"^:(?:param|parameter|arg|argument|keyword|key|kwarg)\b([^:]*):(.*)$")
_DASH = re.compile(r"^(?:--?|–|—) ")
_BRACKETS = {"(": ")", "[": "]"}


class Described(NamedTuple):
    """What a docstring says: its first line, and one text an argument."""

    title: str
    arguments: Mapping[str, str]


class _Line(NamedTuple):
    indent: int
    text: str
    underlined: bool


@dataclass
class _Words:
    """What was said of one argument: beside its name, and on the lines below."""

    beside: str
    below: list[str] = field(default_factory=list)
    is_type: bool = False  # NumPy style: a type stands beside the name

    def text(self) -> str:
        return " ".join(self.below if self.below and self.is_type else [self.beside, *self.below])


def read_docstring(docstring: str) -> Described:
    """The title and the argument descriptions of a cleaned docstring.

    Entries of a section (`Args:`, or `Parameters` underlined) have one indentation; deeper lines continue the
    entry above. A line `:param name: text` needs no section.
    """
    found: dict[str, _Words] = {}
    section = entry = -1  # indentation of the section's header and of its entries
    numpy = False
    current: _Words | None = None
    lines = list(_lines(docstring))
    for line in lines:
        if tagged := _FIELD.match(line.text):
            section, entry = -1, line.indent
            name = "".join(tagged.group(1).split()[-1:])
            current = found.setdefault(name, _Words(tagged.group(2)))
            continue
        header = _header(line)
        if header in _SECTIONS:
            section, entry, current, numpy = line.indent, -1, None, line.underlined
        elif header or line.indent < max(section, 0) or (line.indent == section and entry > section):
            section, current = -1, None
        elif section >= 0 and (entry < 0 or line.indent <= entry) and (said := _said(line.text, numpy)):
            entry = line.indent if entry < 0 else entry
            current = found.setdefault(said.name, _Words(said.text, is_type=numpy))
        elif current is not None and (section >= 0 or line.indent > entry):
            current.below.append(line.text)
    title = next((line.text for line in lines), "")
    arguments = {name: _plain(words.text(), MAX_DESCRIPTION) for name, words in found.items()}
    return Described(_plain(title, MAX_TITLE), arguments)


def _lines(docstring: str) -> Iterator[_Line]:
    """The lines that hold text, without those that underline the one above."""
    raw = docstring.expandtabs(4).split("\n")
    for line, after in zip(raw, [*raw[1:], ""], strict=True):
        text = line.strip()
        if text and not _UNDERLINE.match(text):
            yield _Line(len(line) - len(line.lstrip()), text, bool(_UNDERLINE.match(after.strip())))


def _header(line: _Line) -> str:
    """The section's name in small letters, if the line opens one; else empty."""
    header = _HEADER.match(line.text)
    if header and (line.underlined or header.group(2) or header.group(3)):
        name = header.group(1).strip().lower()
        # within a section, `width:` alone is an entry whose text stands below
        return name if name in _SECTIONS or line.underlined or name in _OTHER_SECTIONS else ""
    return ""


class _Said(NamedTuple):
    name: str
    text: str


def _said(text: str, numpy: bool) -> _Said | None:
    """The entry that a line begins: `width: …`, `width (int): …`, "- `width`: …", `width - …`."""
    entry = _ENTRY.match(text)
    if entry is None:
        return None
    name, rest = entry.group(1), _after_brackets(entry.group(2).lstrip()).lstrip(" `*")
    if rest.startswith(":"):
        return _Said(name, rest[1:].lstrip("* "))
    if dash := _DASH.match(rest):
        return _Said(name, rest[dash.end() :])
    return _Said(name, "") if numpy and not rest else None


def _after_brackets(text: str) -> str:
    """The text behind the type in brackets that it begins with; the text itself without one."""
    closing = _BRACKETS.get(text[:1])
    if closing is None:
        return text
    depth = 0
    for index, character in enumerate(text):
        depth += (character == text[0]) - (character == closing)
        if depth == 0:
            return text[index + 1 :]
    return text


def _plain(text: str, limit: int) -> str:
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
