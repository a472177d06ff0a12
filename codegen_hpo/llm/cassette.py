"""A request and its reply as JSON: what a run keeps of each exchange, and what replays it offline."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from codegen_hpo.llm.messages import Reply, Request, ToolCall, Usage

SCHEMA_VERSION = 1


def to_json(request: Request, reply: Reply) -> dict[str, Any]:
    """One exchange, whole: `reply_from_json` reads the reply back."""
    return {
        "schema_version": SCHEMA_VERSION,
        "request_hash": request_hash(request),
        "request": _request_to_json(request),
        "reply": {
            "text": reply.text,
            "call": reply.call._asdict() if reply.call else None,
            "finish": reply.finish,
            "reasoning": reply.reasoning,
            "usage": reply.usage._asdict(),
            "model": reply.model,
            "seconds": reply.seconds,
            "attempts": reply.attempts,
        },
    }


def reply_from_json(data: Mapping[str, Any]) -> Reply:
    """The reply of an exchange that `to_json` wrote."""
    fields = dict(data["reply"])
    call, usage = fields.pop("call"), fields.pop("usage")
    return Reply(call=ToolCall(**call) if call else None, usage=Usage(**usage), **fields)


def request_hash(request: Request) -> str:
    """SHA-256 of what is asked, hexadecimal; white space at line ends does not count."""
    fields = _request_to_json(request)
    fields["messages"] = [
        {"role": message["role"], "content": _normalised(message["content"])}
        for message in fields["messages"]
    ]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _request_to_json(request: Request) -> dict[str, Any]:
    tools = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in request.tools
    ]
    # one or none stands as it stood when there were no others: a run that was killed then finds its reply now
    several = {"tools": tools} if len(tools) > 1 else {"tool": tools[0] if tools else None}
    return {
        "purpose": request.purpose,
        "messages": [message._asdict() for message in request.messages],
    } | several


def _normalised(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
