"""Reads a docstring's title and its `Args:` section."""

import re
from collections.abc import Mapping
from typing import NamedTuple

MAX_TITLE = 200
MAX_DESCRIPTION = 400

_SECTION = re.compile(r"^(Args|Arguments|Parameters|Hyperparameters|Keyword Args|Keyword Arguments):\s*$")
_ENTRY = re.compile(r"^(\w+) ?(?:\([^)]*\))? ?:(.*)$")  # no two neighbours repeat: linear on any text


class Described(NamedTuple):
    """What a docstring says: its first line, and one text an argument."""

    title: str
    arguments: Mapping[str, str]


def read_docstring(docstring: str) -> Described:
    """The title and the argument descriptions of a cleaned Google-style docstring.

    Entries stand one level deeper than `Args:`; lines deeper still continue the entry above.
    """
    lines = docstring.expandtabs(4).split("\n")
    arguments: dict[str, list[str]] = {}
    section = entry = -1  # indentation of the section's header and of its entries
    current: list[str] | None = None
    for line in lines:
        text = line.strip()
        if not text:
            continue
        indent = len(line) - len(line.lstrip())
        if _SECTION.match(text):
            section, entry, current = indent, -1, None
            continue
        if section < 0:
            continue
        if indent <= section:
            section, current = -1, None
            continue
        entry = indent if entry < 0 else entry
        found = _ENTRY.match(text) if indent <= entry else None
        if found:
            current = arguments.setdefault(found.group(1), [])
            current.append(found.group(2))
        elif current is not None:
            current.append(text)
    title = next((line.strip() for line in lines if line.strip()), "")
    return Described(
        _plain(title, MAX_TITLE),
        {name: _plain(" ".join(words), MAX_DESCRIPTION) for name, words in arguments.items()},
    )


def _plain(text: str, limit: int) -> str:
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
