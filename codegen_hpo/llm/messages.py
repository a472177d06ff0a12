"""A request to a language model and its reply, as plain data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Purpose = Literal["author", "repair", "tune", "doctor", "space", "execute", "analyse", "ask"]


class Message(NamedTuple):
    """One turn of a dialogue. Tool calls are described in words, never replayed as such."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may call: its strict JSON schema describes the arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    purpose: Purpose  # the ledger's phase
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()  # when given, a call of one of them is asked for


class ToolCall(NamedTuple):
    name: str
    arguments: str  # JSON text as the model sent it, unchecked


class Usage(NamedTuple):
    """Tokens as the server counted them; `estimated` when it sent none (four characters a token)."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    text: str  # may be empty
    call: ToolCall | None  # the first one, if there are several
    finish: (
        str  # "stop", "length", "tool_calls", "content_filter", "refusal" or "cut" (a stream that broke off)
    )
    usage: Usage
    model: str  # as the server named it
    seconds: float
    reasoning: str = ""  # the separate field that some servers send, or a leading <think> block
    attempts: int = (
        1  # how often it was asked for until this reply came, waits between them included in `seconds`
    )


Ask = Callable[[Request], Reply]
"""How the author and the LLM tuner reach a model. Raises EndpointError when it cannot be had."""
