"""What kinds of server refuse, in their own words: the API is one in name only.

`openai` is a reasoning model; `azure` an older API version; `ollama` a model whose template knows no tools;
`vllm` a server started without a tool parser; `llamacpp` one started without --jinja. `None` refuses nothing.
"""

from collections.abc import Mapping
from typing import Any, Literal

from codegen_hpo.testing.replies import Scripted, fault

Accent = Literal["openai", "azure", "ollama", "vllm", "llamacpp"]

_KNOWN = frozenset({"model", "messages", "tools", "tool_choice", "parallel_tool_calls", "stream"}) | {
    "stream_options",
    "temperature",
    "max_tokens",
    "max_completion_tokens",
}


def refused(accent: Accent | None, request: Mapping[str, Any]) -> Scripted | None:
    """The error response with which this kind of server meets the request, if it refuses it."""
    return _REFUSALS[accent](request) if accent else None


def accented(accent: Accent | None, reply: Scripted, request: Mapping[str, Any]) -> Scripted:
    """The reply as this kind of server labels it."""
    if accent == "vllm" and isinstance(request.get("tool_choice"), Mapping) and reply.finish == "tool_calls":
        return reply.with_(finish="stop")  # a forced call is reported as an ordinary end
    if accent == "ollama":
        return reply.with_(reasoning_field="reasoning")
    return reply


def malformed(request: Mapping[str, Any]) -> Scripted | None:
    """Strict mode: an error response for whatever the API does not document."""
    for name in request:
        if name not in _KNOWN:
            return fault(
                400, f"Unrecognized request argument supplied: {name}", code="unknown_parameter", param=name
            )
    if not isinstance(request.get("model"), str) or not request["model"]:
        return fault(400, "you must provide a model parameter", param="model")
    if "stream_options" in request and not request.get("stream"):
        return fault(400, "stream_options is only allowed when stream is enabled", param="stream_options")
    if "tool_choice" in request and "tools" not in request:
        return fault(400, "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    return _bad_messages(request.get("messages"))


def _bad_messages(messages: object) -> Scripted | None:
    if not isinstance(messages, list) or not messages:
        return fault(400, "'messages' must be a list that is not empty", param="messages")
    open_calls: set[object] = set()
    for i, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        if role not in ("system", "user", "assistant", "tool"):
            return fault(400, f"Invalid value: {role!r}", param=f"messages[{i}].role")
        if role == "tool":
            if message.get("tool_call_id") not in open_calls:
                return fault(400, "messages with role 'tool' must answer a call", param=f"messages[{i}]")
            continue
        open_calls = {call.get("id") for call in message.get("tool_calls", ())}
        if not isinstance(message.get("content"), str) and not open_calls:
            return fault(400, "content must be a string", param=f"messages[{i}].content")
    return None


def _openai(request: Mapping[str, Any]) -> Scripted | None:
    if "max_tokens" in request:
        return fault(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    if request.get("temperature", 1) != 1:
        return fault(
            400,
            f"Unsupported value: 'temperature' does not support {request['temperature']} with this model. "
            "Only the default (1) value is supported.",
            code="unsupported_value",
            param="temperature",
        )
    return _loose_schema(request)


def _loose_schema(request: Mapping[str, Any]) -> Scripted | None:
    for i, tool in enumerate(request.get("tools", ())):
        function = tool["function"]
        schema = function["parameters"]
        closed = schema.get("additionalProperties") is False
        complete = set(schema.get("required", ())) == set(schema.get("properties", {}))
        if function.get("strict") and not (closed and complete):
            missing = (
                "'additionalProperties' must be false" if not closed else "'required' must name every key"
            )
            return fault(
                400,
                f"Invalid schema for function '{function['name']}': In context=(), {missing}.",
                code="invalid_function_parameters",
                param=f"tools[{i}].function.parameters",
            )
    return None


def _azure(request: Mapping[str, Any]) -> Scripted | None:
    for name in ("stream_options", "parallel_tool_calls"):
        if name in request:
            return fault(400, f"Unrecognized request argument supplied: {name}")
    if any("strict" in tool["function"] for tool in request.get("tools", ())):
        where = "tools[0].function.strict"
        return fault(400, f"Unknown parameter: '{where}'.", code="unknown_parameter", param=where)
    return None


def _ollama(request: Mapping[str, Any]) -> Scripted | None:
    if "tools" in request:
        return fault(400, f"registry.ollama.ai/library/{request.get('model')} does not support tools")
    return None


def _vllm(request: Mapping[str, Any]) -> Scripted | None:
    if "tools" in request and not isinstance(request.get("tool_choice"), Mapping):
        message = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
        # the error object is not wrapped in "error"
        body = {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
        return fault(400, body=body)
    return None


def _llamacpp(request: Mapping[str, Any]) -> Scripted | None:
    if "tools" in request:
        error = {"code": 500, "message": "tools param requires --jinja flag", "type": "server_error"}
        return fault(500, body={"error": error})
    return None


_REFUSALS = {"openai": _openai, "azure": _azure, "ollama": _ollama, "vllm": _vllm, "llamacpp": _llamacpp}
