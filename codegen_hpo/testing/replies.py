"""What a scripted server answers: one function a kind of reply, good ones and every fault that was met.

Example::

    ScriptedServer([replies.text("I think…"), replies.code(source), replies.call(width=64)])
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

FUNCTION = "make_model_and_optimizer"

Manner = Literal["whole", "cut", "drop", "hang", "trickle", "trickle-headers", "error-event"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """One answer, whatever the request: the server sends it as a stream or whole, as it was asked to."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()  # names and arguments, these as JSON text or what passes for it
    finish: str | None = "stop"
    reasoning: str = ""
    reasoning_field: str = "reasoning_content"
    refusal: str = ""
    counts_tokens: bool = True
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None  # sent as it stands instead of a completion
    content_type: str = "application/json"  # of `body`
    manner: Manner = "whole"
    pause_s: float = 0.02  # between the bytes of a trickle

    def with_(self, **changes: Any) -> "Scripted":
        """A copy with some fields changed."""
        return replace(self, **changes)


def text(content: str, *, finish: str = "stop") -> Scripted:
    """Prose."""
    return Scripted(text=content, finish=finish)


def code(source: str, *, before: str = "Here is the function.\n\n", language: str = "python") -> Scripted:
    """A source in one fenced block."""
    return Scripted(text=f"{before}```{language}\n{source.rstrip()}\n```\n")


def call(
    arguments: Mapping[str, Any] | str | None = None,
    /,
    *,
    name: str = FUNCTION,
    text: str = "",
    **values: Any,
) -> Scripted:
    """One call of a function; `arguments` may be text that is no JSON, `text` is said beside the call."""
    return Scripted(text=text, calls=((name, _arguments(arguments, values)),), finish="tool_calls")


def calls(*arguments: Mapping[str, Any] | str, name: str = FUNCTION) -> Scripted:
    """Several calls in one reply."""
    return Scripted(calls=tuple((name, _arguments(each, {})) for each in arguments), finish="tool_calls")


def truncated(reply: Scripted, *, label: str = "length", keep: float = 0.5) -> Scripted:
    """The first part of a reply, as a limit on tokens leaves it; `label` is the finish_reason it gets."""
    kept = tuple((name, arguments[: int(len(arguments) * keep)]) for name, arguments in reply.calls)
    return reply.with_(text=reply.text[: int(len(reply.text) * keep)], calls=kept, finish=label)


def refusal(words: str = "I cannot help with that.") -> Scripted:
    """The model declines, in the field made for it."""
    return Scripted(refusal=words)


def content_filter(content: str = "") -> Scripted:
    """The provider's filter ended the reply."""
    return Scripted(text=content, finish="content_filter")


def reasoning(thought: str, reply: Scripted, *, field: str = "reasoning_content") -> Scripted:
    """A reply with the model's thoughts in a field of their own."""
    return reply.with_(reasoning=thought, reasoning_field=field)


def fault(
    status: int,
    message: str = "scripted fault",
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
    body: object = None,
) -> Scripted:
    """An error response; `body` replaces the usual error object, as JSON or as text."""
    error = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    content = body if isinstance(body, str) else json.dumps(error if body is None else body)
    kind = "text/html" if "<html" in content else "application/json"
    return Scripted(status=status, headers=headers or {}, body=content.encode(), content_type=kind)


def quota() -> Scripted:
    """The account is empty: a 429 that no waiting mends."""
    return fault(429, "You exceeded your current quota, please check your plan.", code="insufficient_quota")


def html(status: int = 200) -> Scripted:
    """A web page, as a wrong base URL or a gateway brings."""
    page = "<!doctype html><html><body>Welcome</body></html>"
    return Scripted(status=status, body=page.encode(), content_type="text/html; charset=utf-8")


def empty() -> Scripted:
    """`{}` with status 200."""
    return Scripted(body=b"{}")


def no_choices() -> Scripted:
    """A completion whose list of choices is empty."""
    return Scripted(body=b'{"id": "x", "object": "chat.completion", "model": "scripted", "choices": []}')


def invalid_json() -> Scripted:
    """Something labelled JSON that is none."""
    return Scripted(body=b'{"choices": [{"message": ')


def cut(reply: Scripted) -> Scripted:
    """The first half of a reply, then a proper end: no finish_reason, no [DONE]; or half a JSON body."""
    return reply.with_(manner="cut")


def drop(reply: Scripted) -> Scripted:
    """The first half of a reply, then the connection is closed in mid-body."""
    return reply.with_(manner="drop")


def hang() -> Scripted:
    """Nothing, for as long as the server runs."""
    return Scripted(manner="hang")


def trickle(reply: Scripted, *, pause_s: float = 0.02, headers: bool = False) -> Scripted:
    """A reply a byte at a time; with `headers`, a header that never ends."""
    return reply.with_(manner="trickle-headers" if headers else "trickle", pause_s=pause_s)


def error_event(message: str = "the engine crashed", *, code: int | str | None = None) -> Scripted:
    """Some text, then an error object in the stream; whole, a 200 that holds an error."""
    body = json.dumps({"error": {"message": message, "type": "server_error", "param": None, "code": code}})
    return Scripted(text="Half of a sentence", body=body.encode(), manner="error-event")


def _arguments(arguments: Mapping[str, Any] | str | None, values: Mapping[str, Any]) -> str:
    return arguments if isinstance(arguments, str) else json.dumps({**(arguments or {}), **values})
