"""Renders the Jinja files of `prompts/`, and makes text that others wrote safe to place in them."""

import json
import unicodedata
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from codegen_hpo.resources import resource

_SEPARATORS = "\u2028\u2029"  # of lines and paragraphs: some readers end a line at them


def render(name: str, **values: object) -> str:
    """The text of `prompts/<name>.j2` with these values; a value the template misses is an error."""
    return _environment().get_template(f"{name}.j2").render(values).strip()


def quoted(text: object, limit: int = 60) -> str:
    """The text as one JSON string of at most about `limit` characters, to be shown as data.

    It can end neither its line, nor a code fence, nor a tag around it: line ends, backticks and angle
    brackets are escaped; characters that only steer a display are left out.
    """
    kept = "".join(character for character in str(text) if not _steers(character))
    if len(kept) > limit:
        kept = kept[: limit - 1] + "…"
    escaped = json.dumps(kept, ensure_ascii=False)
    for character in "<>`":
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return escaped


def fenced(text: str, limit: int = 20_000) -> str:
    """The text in a code fence that is longer than any run of backticks inside it."""
    kept = "".join(character for character in text if character in "\n\t" or not _steers(character))
    if len(kept) > limit:
        kept = kept[:limit] + "\n… (cut here)"
    fence = "```"
    while fence in kept:
        fence += "`"
    return f"{fence}\n{kept}\n{fence}"


def _steers(character: str) -> bool:
    # categories C*: control, format (bidirectional marks, zero width), surrogate, private, unassigned
    category = unicodedata.category(character)
    return character in _SEPARATORS or (category.startswith("C") and character not in "\n\t")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resource("prompts")),
        undefined=StrictUndefined,
        autoescape=False,  # prompts are plain text; `quoted` and `fenced` guard what comes from outside
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}  # tojson keeps the order of keys
    environment.filters["quoted"] = quoted
    environment.filters["fenced"] = fenced
    return environment
