"""A scripted reply as the bytes of a completion, whole or as server-sent events."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from codegen_hpo.testing.replies import Scripted

_PIECE = 24  # characters of text in one event


def whole(reply: Scripted, request: Mapping[str, Any]) -> bytes:
    """The JSON of a completion."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = [
            {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for i, (name, arguments) in enumerate(reply.calls)
        ]
    if reply.reasoning:
        message[reply.reasoning_field] = reply.reasoning
    if reply.refusal:
        message["refusal"] = reply.refusal
    completion = _envelope(request, "chat.completion")
    completion["choices"] = [{"index": 0, "message": message, "finish_reason": reply.finish}]
    if reply.counts_tokens:
        completion["usage"] = _usage(reply, request)
    return json.dumps(completion).encode()


def events(reply: Scripted, request: Mapping[str, Any]) -> list[bytes]:
    """The same as server-sent events, the last one [DONE]."""
    parts = [_choice(request, delta, None) for delta in _deltas(reply)]
    parts.append(_choice(request, {}, reply.finish))
    options = request.get("stream_options")
    if reply.counts_tokens and isinstance(options, Mapping) and options.get("include_usage"):
        parts.append(
            {**_envelope(request, "chat.completion.chunk"), "usage": _usage(reply, request), "choices": []}
        )
    return [event(part) for part in parts] + [b"data: [DONE]\n\n"]


def event(part: object) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(part)}\n\n".encode()


def _deltas(reply: Scripted) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in _pieces(reply.reasoning):
        yield {reply.reasoning_field: piece}
    for piece in _pieces(reply.text):
        yield {"content": piece}
    for piece in _pieces(reply.refusal):
        yield {"refusal": piece}
    for i, (name, arguments) in enumerate(reply.calls):
        first = {
            "index": i,
            "id": f"call_{i}",
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        yield {"tool_calls": [first]}
        for piece in _pieces(arguments):
            yield {"tool_calls": [{"index": i, "function": {"arguments": piece}}]}


def _pieces(text: str) -> list[str]:
    step = max(_PIECE, len(text) // 200)  # a text of a megabyte comes in few events
    return [text[i : i + step] for i in range(0, len(text), step)]


def _choice(request: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    chunk = _envelope(request, "chat.completion.chunk")
    chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return chunk


def _envelope(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 0, "model": request.get("model", "")}


def _usage(reply: Scripted, request: Mapping[str, Any]) -> dict[str, int]:
    """Counts words, so that the numbers differ from an estimate by characters."""
    asked = sum(len(str(message.get("content", "")).split()) for message in request.get("messages", []))
    answered = len(reply.text.split()) + sum(len(arguments.split()) + 1 for _, arguments in reply.calls)
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
