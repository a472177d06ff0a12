"""Text that others wrote, placed in Markdown: it is read as text, and can forge no structure.

A heading, a table, a link, an image or HTML in such a text stays the characters that it is made of.
"""

import re
from collections.abc import Iterable, Sequence

from codegen_hpo.sandbox.plain_text import plain

INLINE_CHARACTERS = 300
QUOTED_CHARACTERS = 4000

# an address would become a link without any mark around it: it is shown as code
_WORD = re.compile(r"[^\s`<>|]+")
_ADDRESS = re.compile(r"://|www\.|@", re.IGNORECASE)
_MARKS = re.compile(r"[\\`*\[\]|~$]")
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # one inside a word marks nothing
_START = re.compile(r"[-+#=>:]|\d{1,9}(?=[.)])")  # what makes a block of the line that it begins


def inline(text: object, limit: int = INLINE_CHARACTERS) -> str:
    """The text on one line, for a sentence or a cell, of at most about `limit` characters."""
    kept = " ".join(_cut(plain(str(text)), limit).split())
    parts, end = [], 0
    for found in _WORD.finditer(kept):
        if not _ADDRESS.search(found.group()):
            continue
        parts += [_escaped(kept[end : found.start()]), f"`{found.group()}`"]
        end = found.end()
    return _start_escaped("".join([*parts, _escaped(kept[end:])]))


def code(text: object, limit: int = INLINE_CHARACTERS) -> str:
    """The text as a code span on one line; as `inline` if it holds what would end the span or a cell."""
    kept = " ".join(_cut(plain(str(text)), limit).split())
    return f"`{kept}`" if kept and not set("`|") & set(kept) else inline(kept, limit)


def quotation(text: str, limit: int = QUOTED_CHARACTERS) -> str:
    """The text as a block quotation that keeps its lines."""
    lines = [inline(line, limit) for line in _cut(plain(text).strip(), limit).splitlines()]
    return "\n".join(f"> {line}  " if line else ">" for line in lines)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return _UNDERSCORE.sub(r"\\_", _MARKS.sub(r"\\\g<0>", text))


def _start_escaped(text: str) -> str:
    found = _START.match(text)
    if not found:
        return text
    # of a number, the dot behind it is what makes a list
    place = found.end() if text[0].isdigit() else 0
    return f"{text[:place]}\\{text[place:]}"
