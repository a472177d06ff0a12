"""Calls that a model writes as text, where it cannot make them or does not think of it."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from codegen_hpo.llm.messages import ToolCall

_TEXT_LIMIT = 50_000  # characters, the last of a text, that are searched for an object
_NAMES = ("function", "name", "tool", "action")
_ARGUMENTS = ("arguments", "parameters", "input", "action_input")


def written_call(text: str, functions: Collection[str]) -> ToolCall | None:
    """The last call of one of the functions that the text spells out as JSON, or None.

    Read are {"function": name, "arguments": {…}} with the names that models put in place of these two, and
    {name: {…}}; of an only function, the arguments alone as well.
    """
    for found in reversed(list(json_objects(text))):
        function = next((found[key] for key in _NAMES if isinstance(found.get(key), str)), None)
        if function is not None and any(key in found for key in _ARGUMENTS):
            return ToolCall(function, _text(next(found[key] for key in _ARGUMENTS if key in found)))
        if function in functions:  # one that takes no arguments
            return ToolCall(str(function), "{}")
        named = [name for name in functions if name in found and len(found) == 1]
        if named:
            return ToolCall(named[0], _text(found[named[0]]))
        if len(functions) == 1:
            return ToolCall(next(iter(functions)), json.dumps(found))
    return None


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object near the end of the text, in order."""
    text = text[-_TEXT_LIMIT:]
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        if isinstance(found, dict):
            yield found
        start = text.find("{", end)


def _text(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)
