"""The pages of docs/ and the code blocks in them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    line: int  # of its first line, 1-based


Blocks = Callable[..., list[Block]]


@pytest.fixture
def docs() -> Path:
    """The folder of the pages."""
    return DOCS


@pytest.fixture
def blocks() -> Blocks:
    """Gives the blocks of a page that are in one of these languages, in order."""

    def read(page: str, *languages: str) -> list[Block]:
        text = (DOCS / page).read_text(encoding="utf-8")
        found = [Block(m[1], m[2], text.count("\n", 0, m.start()) + 2) for m in _BLOCK.finditer(text)]
        return [block for block in found if block.language in languages]

    return read


@pytest.fixture
def run_python() -> Callable[[str, Block, dict[str, object]], None]:
    """Runs a block of Python; a traceback shows the page and its lines."""

    def run(page: str, block: Block, names: dict[str, object]) -> None:
        lines = "\n" * (block.line - 1)
        exec(compile(lines + block.text, str(DOCS / page), "exec"), names)

    return run
