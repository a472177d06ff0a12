"""What a server sent, read into one answer: whole bodies and streams alike, whatever the dialect."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codegen_hpo.llm.messages import ToolCall, Usage

_MAX_CHARS = 4 << 20  # a reply beyond 4 Mi characters is broken off: no function or call is that long
_THINK_LINE = re.compile(r"^[ \t]*</think>[ \t]*$", re.MULTILINE)
_TOOL_CALL_TAG = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)
_FINISHES = {"function_call": "tool_calls", "eos": "stop", "max_tokens": "length"}


class Draft:
    """An answer under construction. `add` takes the parsed JSON of a completion or of a chunk of a stream."""

    def __init__(self) -> None:
        self.finish = ""
        self.model = ""
        self.usage: Usage | None = None
        self.choices = 0  # how many parts brought a choice
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[object, _Call] = {}
        self._chars = 0

    @classmethod
    def of(cls, text: str, finish: str) -> "Draft":
        """The draft of an answer that is only text."""
        draft = cls()
        draft.add({"choices": [{"message": {"content": text}, "finish_reason": finish}]})
        return draft

    @property
    def full(self) -> bool:
        """Whether no more is taken in."""
        return self._chars > _MAX_CHARS

    def add(self, part: Mapping[str, Any]) -> None:
        """Takes in one part; what is not as documented is passed over."""
        self.model = self.model or _text(part.get("model"))
        self.usage = _usage(part.get("usage")) or self.usage
        choices = part.get("choices")
        if not (isinstance(choices, list) and choices and isinstance(choices[0], Mapping)):
            return
        choice = choices[0]
        self.choices += 1
        message = choice.get("delta") or choice.get("message")
        if isinstance(message, Mapping):
            self._add_message(message)
        self.finish = _text(choice.get("finish_reason")) or self.finish
        if self.full:
            self.finish = "length"

    def answer(self, *, tool_asked: bool) -> "Answer":
        """What was said. A call that breaks off is "length", whatever the server calls it."""
        reasoning, text = split_thinking("".join(self._text))
        reasoning = "".join(self._reasoning) or reasoning
        call = next((ToolCall(c.name, "".join(c.arguments)) for c in self._calls.values() if c.name), None)
        if call is None and tool_asked:
            call = _tagged_call(text)
        finish = _FINISHES.get(self.finish, self.finish)
        if self._refusal and not call:
            return Answer(
                text=text or "".join(self._refusal), call=None, finish="refusal", reasoning=reasoning
            )
        if call and finish != "content_filter":
            finish = "length" if finish == "length" or breaks_off(call.arguments) else "tool_calls"
        return Answer(text=text, call=call, finish=finish, reasoning=reasoning)

    def _add_message(self, message: Mapping[str, Any]) -> None:
        self._keep(self._text, message.get("content"))
        # DeepSeek, vLLM and llama.cpp say reasoning_content; OpenRouter, Ollama and newer vLLM say reasoning
        self._keep(self._reasoning, message.get("reasoning_content") or message.get("reasoning"))
        self._keep(self._refusal, message.get("refusal"))
        calls = message.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else []):
            if isinstance(call, Mapping):
                index = call.get("index")
                self._add_call(position if index is None else index, call.get("function"), call.get("id"))
        if message.get("function_call"):
            self._add_call("legacy", message["function_call"], None)

    def _add_call(self, index: object, function: object, identity: object) -> None:
        if not isinstance(function, Mapping):
            return
        call = self._calls.get(index)
        if call is not None and identity and call.identity and identity != call.identity:
            # some servers number every call of a stream 0: another id is another call
            index, call = (index, identity), self._calls.get((index, identity))
        if call is None:
            call = self._calls[index] = _Call(identity=identity)
        call.name = call.name or _text(function.get("name"))
        arguments = function.get("arguments")
        # the API asks for JSON as text; some servers send the object itself
        self._keep(call.arguments, json.dumps(arguments) if isinstance(arguments, Mapping) else arguments)

    def _keep(self, parts: list[str], content: object) -> None:
        if isinstance(content, list):  # content as parts: [{"type": "text", "text": …}, …]
            content = "".join(_text(part.get("text")) for part in content if isinstance(part, Mapping))
        if isinstance(content, str) and content:
            parts.append(content)
            self._chars += len(content)


@dataclass(slots=True)
class _Call:
    identity: object
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The parts of a Reply that the model wrote."""

    text: str
    call: ToolCall | None
    finish: str
    reasoning: str = ""


def split_thinking(text: str) -> tuple[str, str]:
    """The leading think block and the rest.

    A chat template that opens the block itself leaves only the closing tag, on a line of its own.
    """
    start = text.lstrip()
    if start.startswith("<think>"):
        thought, _, rest = start.removeprefix("<think>").partition("</think>")
        return thought.strip(), rest.lstrip("\n")
    closing = _THINK_LINE.search(text)
    if closing and "<think>" not in text[: closing.start()]:
        return text[: closing.start()].strip(), text[closing.end() :].lstrip("\n")
    return "", text


def breaks_off(arguments: str) -> bool:
    """Whether this is the beginning of a JSON object that never ends: a truncated call."""
    text = arguments.strip()
    if not text.startswith("{"):
        return False
    depth, in_string, escaped = 0, False, False
    for character in text:
        if escaped:
            escaped = False
        elif in_string:
            escaped = character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if depth <= 0:
                return False
    return True


def estimated_tokens(text: str) -> int:
    """Four characters a token: for servers that do not count."""
    return -(-len(text) // 4)


def _tagged_call(text: str) -> ToolCall | None:
    # what a model of the Hermes or Qwen family writes when its server was started without a tool parser
    match = _TOOL_CALL_TAG.search(text)
    try:
        found = json.loads(match[1]) if match else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        return None
    arguments = found.get("arguments", found.get("parameters", {}))
    return ToolCall(found["name"], arguments if isinstance(arguments, str) else json.dumps(arguments))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _usage(value: object) -> Usage | None:
    if not isinstance(value, Mapping):
        return None
    asked, answered = value.get("prompt_tokens"), value.get("completion_tokens")
    if isinstance(asked, int) and isinstance(answered, int) and asked >= 0 <= answered and asked + answered:
        return Usage(asked, answered)
    return None
