"""Reads the proposed call out of a model's reply."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from codegen_hpo.llm.messages import Reply
from codegen_hpo.space import Scalar, Space

_TEXT_LIMIT = 50_000  # characters that are searched for an object
_DEPTH_LIMIT = 3  # of wrappers such as {"name": …, "arguments": {…}}
_WRAPPERS = ("arguments", "parameters", "input", "function")


class Proposal(NamedTuple):
    """Complete arguments, or complaints about what was quoted."""

    arguments: dict[str, Scalar] | None
    complaints: tuple[str, ...]
    quoted: str  # what the model sent in place of usable arguments, as it sent it
    thoughts: str


def read_reply(reply: Reply, space: Space, tool_name: str, analysis: str) -> Proposal:
    """The call's arguments, checked against the space; without a call, those of a JSON object in the text.

    Args:
        reply: what the model answered.
        space: what the arguments must lie in.
        tool_name: of the only tool; empty where an object in the text was asked for.
        analysis: the tool's argument for thoughts; it is taken out before the check.
    """
    if reply.finish in ("length", "cut"):
        sent = reply.call.arguments if reply.call else reply.text
        complaint = "the reply was cut off before it was complete: answer more briefly"
        return Proposal(None, (complaint,), sent, "")
    if reply.finish in ("refusal", "content_filter") and not reply.call:
        return Proposal(None, ("no call was made: the reply was refused or withheld",), reply.text, "")
    if reply.call is None:
        return _from_text(reply, space, tool_name, analysis)
    if tool_name and reply.call.name.rsplit(".", 1)[-1] != tool_name:
        complaint = f"unknown function {reply.call.name[:80]!r}: the only one is {tool_name}"
        return Proposal(None, (complaint,), reply.call.arguments, "")
    sent = reply.call.arguments
    try:
        proposed = json.loads(sent)
    except (ValueError, RecursionError) as error:
        return Proposal(None, (f"the arguments are not JSON: {error}",), sent, "")
    return _checked(proposed, sent, reply, space, analysis)


def _from_text(reply: Reply, space: Space, tool_name: str, analysis: str) -> Proposal:
    objects = [_unwrapped(found, space, tool_name) for found in _objects(reply.text[-_TEXT_LIMIT:])]
    fitting = [found for found in objects if any(name in space for name in found)]
    if not fitting and not tool_name:
        complaint = "no JSON object of the arguments was found: answer with one, and nothing else"
        return Proposal(None, (complaint,), reply.text, "")
    if not fitting:
        complaint = (
            f"no call of {tool_name} was made; call it, or, if you cannot call functions, "
            "answer with one JSON object of its arguments in a fenced block"
        )
        return Proposal(None, (complaint,), reply.text, "")
    return _checked(fitting[-1], json.dumps(fitting[-1]), reply, space, analysis)


def _checked(proposed: Any, sent: str, reply: Reply, space: Space, analysis: str) -> Proposal:
    thoughts = ""
    if isinstance(proposed, Mapping):
        thoughts = str(proposed.get(analysis, ""))
        proposed = {name: value for name, value in proposed.items() if name != analysis}
    checked = space.check(proposed)
    own_words = reply.text
    if not reply.call:  # then the text holds the call as well
        own_words = reply.text.partition("```")[0].partition("{")[0]
    return Proposal(checked.arguments, checked.complaints, sent, thoughts or own_words or reply.reasoning)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object in the text, in order."""
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


def _unwrapped(found: dict[str, Any], space: Space, tool_name: str) -> dict[str, Any]:
    """The arguments inside the forms in which models write out a call."""
    for _ in range(_DEPTH_LIMIT):
        if any(name in space for name in found):
            break
        inner = next((found[key] for key in (*_WRAPPERS, tool_name) if key in found), None)
        if isinstance(inner, str):
            try:
                inner = json.loads(inner)
            except (ValueError, RecursionError):
                break
        if not isinstance(inner, dict):
            break
        found = inner
    return found
