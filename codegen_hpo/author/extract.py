"""Takes the one source file out of a model's reply, or says why there is none."""

import ast
import re
from typing import NamedTuple

from codegen_hpo.author.base import Draft
from codegen_hpo.llm.messages import Reply
from codegen_hpo.records import Finding

_FUNCTION = re.compile(r"^(?:async )?def make_model_and_optimizer\b", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)$")
_CODE_BEGINS = re.compile(r'^(?:import |from \w+(?:\.\w+)* import |def |class |@|""")', re.MULTILINE)
_BROKEN_OFF = ("length", "cut")
_ONE_BLOCK = (
    "answer with one fenced block (```python … ```) that holds the whole file: its imports, its classes "
    "and make_model_and_optimizer"
)


class _Block(NamedTuple):
    text: str
    closed: bool


def draft_from_reply(reply: Reply) -> Draft:
    """The source of the reply's code block; without one, a finding of gate "reply"."""
    # some servers put the whole answer of a reasoning model into the field for its reasoning
    text = reply.text if reply.text.strip() else reply.reasoning
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    block = _choose(_blocks(text)) or _unfenced(text)
    broken_off = reply.finish in _BROKEN_OFF
    if block and not (broken_off and not block.closed):
        return Draft(source=block.text.strip("\n") + "\n", reply=reply.text)
    return Draft(source=None, findings=(_why_none(reply, broken_off),), reply=reply.text)


def _blocks(text: str) -> list[_Block]:
    """Every fenced block, in order; the last one may be unclosed."""
    blocks: list[_Block] = []
    lines: list[str] | None = None
    marks = ""
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if lines is None:
            if fence:
                lines, marks = [], fence["marks"]
        elif fence and not fence["info"].strip() and fence["marks"].startswith(marks):
            blocks.append(_unwrapped(_Block("\n".join(lines), True)))
            lines = None
        else:
            lines.append(line)
    if lines is not None:
        blocks.append(_unwrapped(_Block("\n".join(lines), False)))
    return [block for block in blocks if block.text.strip()]


def _unwrapped(block: _Block) -> _Block:
    """The block less a second fence around the whole of it, which some models add."""
    lines = block.text.strip("\n").split("\n")
    if not _FENCE.match(lines[0]):
        return block
    lines = lines[1:]
    if lines and _FENCE.match(lines[-1]):
        lines = lines[:-1]
    return _Block("\n".join(lines), block.closed)


def _choose(blocks: list[_Block]) -> _Block | None:
    """The last complete block that defines the function; else the last that does; else the last of all."""
    defining = [block for block in blocks if _FUNCTION.search(block.text)]
    closed = [block for block in defining if block.closed]
    for found in (closed, defining, blocks):
        if found:
            return found[-1]
    return None


def _unfenced(text: str) -> _Block | None:
    """Code that stands in the reply without a fence, less the prose around it."""
    begins = _CODE_BEGINS.search(text)
    if not _FUNCTION.search(text) or not begins:
        return None
    paragraphs = text[begins.start() :].split("\n\n")
    for end in range(len(paragraphs), max(0, len(paragraphs) - 20), -1):
        code = "\n\n".join(paragraphs[:end])
        if not _FUNCTION.search(code):
            break
        if _parses(code):
            return _Block(code, True)
    return _Block("\n\n".join(paragraphs), False)


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _why_none(reply: Reply, broken_off: bool) -> Finding:
    if broken_off:
        said = "the reply was cut off before the code was complete"
        return _finding("truncated", said, "write a shorter file: fewer classes, short docstrings, no prose")
    if reply.finish == "refusal":
        said = f"the model declined to answer: {reply.text.strip()[:200]!r}"
        return _finding("refusal", said, f"only a PyTorch model for a table is asked for; {_ONE_BLOCK}")
    if reply.finish == "content_filter":
        said = "the endpoint's content filter withheld the reply"
        return _finding("content-filter", said, _ONE_BLOCK)
    if not reply.text.strip():
        return _finding("no-code", "the reply is empty", _ONE_BLOCK)
    said = f"the reply holds no code, it begins: {reply.text.strip()[:120]!r}"
    return _finding("no-code", said, _ONE_BLOCK)


def _finding(rule: str, message: str, hint: str) -> Finding:
    return Finding(gate="reply", rule=rule, message=message, hint=hint)
