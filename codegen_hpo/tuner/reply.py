"""Reads the proposed call out of a model's reply."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from codegen_hpo.llm.messages import Reply
from codegen_hpo.llm.written_call import json_objects
from codegen_hpo.space import Scalar, Space
from codegen_hpo.tuner.tool import Words

REASON = 500  # characters kept of the reason for one value
_DEPTH_LIMIT = 3  # of wrappers such as {"name": …, "arguments": {…}}
_WRAPPERS = ("arguments", "parameters", "input", "function")


class Proposal(NamedTuple):
    """Complete arguments, or complaints about what was quoted."""

    arguments: dict[str, Scalar] | None
    complaints: tuple[str, ...]
    quoted: str  # what the model sent in place of usable arguments, as it sent it
    thoughts: str
    reasons: Mapping[str, str] = MappingProxyType({})  # for single arguments, if any were given


def read_reply(reply: Reply, space: Space, tool_name: str) -> Proposal:
    """The call's arguments, checked against the space; without a call, those of a JSON object in the text.

    The model's words (see `Words`) are taken out before the check, whether they were asked for or not.

    Args:
        reply: what the model answered.
        space: what the arguments must lie in.
        tool_name: of the only tool; empty where an object in the text was asked for.
    """
    if reply.finish in ("length", "cut"):
        sent = reply.call.arguments if reply.call else reply.text
        complaint = "the reply was cut off before it was complete: answer more briefly"
        return Proposal(None, (complaint,), sent, "")
    if reply.finish in ("refusal", "content_filter") and not reply.call:
        return Proposal(None, ("no call was made: the reply was refused or withheld",), reply.text, "")
    if reply.call is None:
        return _from_text(reply, space, tool_name)
    if tool_name and reply.call.name.rsplit(".", 1)[-1] != tool_name:
        complaint = f"unknown function {reply.call.name[:80]!r}: the only one is {tool_name}"
        return Proposal(None, (complaint,), reply.call.arguments, "")
    sent = reply.call.arguments
    try:
        proposed = json.loads(sent)
    except (ValueError, RecursionError) as error:
        return Proposal(None, (f"the arguments are not JSON: {error}",), sent, "")
    return _checked(proposed, sent, reply, space)


def _from_text(reply: Reply, space: Space, tool_name: str) -> Proposal:
    objects = [_unwrapped(found, space, tool_name) for found in json_objects(reply.text)]
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
    return _checked(fitting[-1], json.dumps(fitting[-1]), reply, space)


def _checked(proposed: Any, sent: str, reply: Reply, space: Space) -> Proposal:
    words = Words.beside(space)
    thoughts, reasons = "", dict[str, str]()
    if isinstance(proposed, Mapping):
        thoughts, reasons = (
            str(proposed.get(words.analysis, "")),
            _reasons(proposed.get(words.reasons), space),
        )
        proposed = {name: value for name, value in proposed.items() if name not in words}
    checked = space.check(proposed)
    own_words = reply.text
    if not reply.call:  # then the text holds the call as well
        own_words = reply.text.partition("```")[0].partition("{")[0]
    thoughts = thoughts or own_words or reply.reasoning
    return Proposal(checked.arguments, checked.complaints, sent, thoughts, reasons)


def _reasons(given: Any, space: Space) -> dict[str, str]:
    """The reasons that are texts, by hyperparameter; any others are missing, which is no fault."""
    if not isinstance(given, Mapping):
        return {}
    texts = {name: given[name].strip()[:REASON] for name in space if isinstance(given.get(name), str)}
    return {name: text for name, text in texts.items() if text}


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
