"""What one endpoint accepts, learnt from its refusals: each is met once, told, and not provoked again.

Starts with the API as OpenAI documents it and only with parameters that the user set. A refused part is
renamed, weakened or left out; a model without function calling is shown the schema in the prompt instead.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.faults import Refusal
from codegen_hpo.llm.messages import Message, Request, Tool
from codegen_hpo.llm.prompts import render

# "does not support", "only the default (1) value is supported", "Extra inputs are not permitted", …
_REFUSES = re.compile(
    r"unsupported|not (?:yet |currently )?support|n't support|no endpoints found that support|not compatible"
    r"|unrecogni[sz]ed|unknown|unexpected|not permitted|not allowed|extra[_ ](?:inputs|fields|forbidden)"
    r"|forbidden|requires?\b|only the default|not (?:enabled|available|implemented)"
    r"|invalid[_ ](?:schema|function|parameter|type)",
    re.IGNORECASE,
)
# llama.cpp answers 500 to what it does not know; other servers call a crash "unexpected"
_REFUSES_AS_FAILURE = re.compile(
    r"unsupported|not support|n't support|requires|not implemented", re.IGNORECASE
)
# a value that is out of bounds is the user's to mend, and so is a prompt that is too long
_OUT_OF_BOUNDS = re.compile(r"too (?:large|long|many|high)|at most|maximum|exceed", re.IGNORECASE)
_LEARNABLE = frozenset({400, 404, 422, 500, 501})

# what a message may call each part of a request; the order matters where one name contains another
_NAMES = {
    "max_tokens": r"\bmax_tokens\b",
    "max_completion_tokens": r"\bmax_completion_tokens\b",
    "stream_options": r"stream_options|include_usage",
    "parallel_tool_calls": r"parallel_tool_calls|parallel tool",
    "parser": r"tool-call-parser|--jinja",
    "tool_choice": r"tool_choice|tool choice",
    "strict": r"\bstrict\b|invalid schema|additionalProperties",
    "temperature": r"\btemperature\b",
    "tools": r"\btools?\b|function call",
    "system": r"\bsystem\b",
    "stream": r"\bstream(?:ing)?\b",
}
_TOOL_CHOICES = ("named", "required", "auto", "")  # "" leaves it out


class Dialect:
    """How requests are written for one endpoint. Changes only by `learn`, and only towards fewer features."""

    def __init__(self, endpoint: Endpoint, *, stream: bool = True) -> None:
        self._endpoint = endpoint
        self._dropped: set[str] = set() if stream else {"stream"}
        self._choice = 0  # index into _TOOL_CHOICES
        self.lessons: list[str] = []

    @property
    def tools_as_text(self) -> bool:
        """Whether the schema goes into the prompt because the endpoint has no function calling."""
        return "tools" in self._dropped

    @property
    def streams(self) -> bool:
        return "stream" not in self._dropped

    def write(self, request: Request) -> dict[str, Any]:
        """The request as keyword arguments of `chat.completions.create`."""
        body: dict[str, Any] = {"model": self._endpoint.model, "messages": self._messages(request)}
        body |= self._sampling()
        if request.tools and not self.tools_as_text:
            body |= self._tools(request.tools)
        if self.streams:
            body["stream"] = True
            if "stream_options" not in self._dropped:
                body["stream_options"] = {"include_usage": True}
        return body

    def learn(self, refusal: Refusal, sent: Mapping[str, Any]) -> str | None:
        """What will be done differently from now on, or None if the refusal teaches nothing."""
        said = f"{refusal.code} {refusal.message}"[:1000]
        refuses = _REFUSES if refusal.status < 500 else _REFUSES_AS_FAILURE
        if refusal.status not in _LEARNABLE or not refuses.search(said) or _OUT_OF_BOUNDS.search(said):
            return None
        named = [self._part(refusal.param)] if refusal.param else []
        named += [part for part, pattern in _NAMES.items() if re.search(pattern, said, re.IGNORECASE)]
        for part in named:
            lesson = self._give_up(part, sent) if part else None
            if lesson:
                self.lessons.append(lesson)
                return lesson
        return None

    def stop_streaming(self) -> str:
        """The lesson of streams that keep breaking off."""
        self._dropped.add("stream")
        self.lessons.append("streams break off: whole replies are asked for")
        return self.lessons[-1]

    def _give_up(self, part: str, sent: Mapping[str, Any]) -> str | None:
        if part in ("tools", "parser"):
            if "tools" not in sent:
                return None
            self._dropped.add("tools")
            return "no function calling: the schema goes into the prompt"
        if part == "tool_choice":
            return self._weaken_choice(sent)
        if part == "strict":
            if not _is_strict(sent):
                return None
        elif part == "system":
            if sent["messages"][0]["role"] != "system":
                return None
        elif part not in sent:
            return None
        self._dropped.add(part)
        if part == "max_tokens":
            return "max_tokens is refused: max_completion_tokens is sent"
        if part == "system":
            return "no system role: its text goes in front of the first message"
        return f"{part} is refused and no longer sent"

    def _weaken_choice(self, sent: Mapping[str, Any]) -> str | None:
        if "tools" not in sent:
            return None
        if "tool_choice" not in sent:  # refused although it was left out: the tools themselves are the matter
            return self._give_up("tools", sent)
        refused = sent["tool_choice"]
        self._choice = max(self._choice, _TOOL_CHOICES.index(refused) if isinstance(refused, str) else 0) + 1
        weaker = _TOOL_CHOICES[self._choice]
        return f"tool_choice is refused: {repr(weaker) + ' is sent' if weaker else 'none is sent'}"

    @staticmethod
    def _part(param: str) -> str:
        """The part of the request that a `param` such as "tools[0].function.strict" is about."""
        if param.startswith("tools") and re.search(r"strict|parameters", param):
            return "strict"
        return re.split(r"[.\[]", param, maxsplit=1)[0]

    def _messages(self, request: Request) -> list[dict[str, str]]:
        messages = list(request.messages)
        if request.tools and self.tools_as_text:
            messages.append(Message("user", _describe(request.tools)))
        if "system" in self._dropped:
            system = "\n\n".join(m.content for m in messages if m.role == "system")
            messages = [m for m in messages if m.role != "system"]
            if system and messages and messages[0].role == "user":
                messages[0] = Message("user", f"{system}\n\n{messages[0].content}")
            elif system:
                messages.insert(0, Message("user", system))
        # a lone surrogate, which a model's own reply may have brought in, cannot be sent
        return [{"role": m.role, "content": m.content.encode(errors="replace").decode()} for m in messages]

    def _sampling(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if self._endpoint.temperature is not None and "temperature" not in self._dropped:
            values["temperature"] = self._endpoint.temperature
        name = "max_completion_tokens" if "max_tokens" in self._dropped else "max_tokens"
        if self._endpoint.max_tokens is not None and name not in self._dropped:
            values[name] = self._endpoint.max_tokens
        return values

    def _tools(self, tools: tuple[Tool, ...]) -> dict[str, Any]:
        strict = {} if "strict" in self._dropped else {"strict": True}
        functions = [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters} | strict
            for tool in tools
        ]
        part: dict[str, Any] = {
            "tools": [{"type": "function", "function": function} for function in functions]
        }
        choice = _TOOL_CHOICES[self._choice]
        if choice == "named" and len(tools) == 1:
            part["tool_choice"] = {"type": "function", "function": {"name": tools[0].name}}
        elif choice:  # of several functions none can be named: that one of them is called is all there is
            part["tool_choice"] = "required" if choice == "named" else choice
        if "parallel_tool_calls" not in self._dropped:
            part["parallel_tool_calls"] = False
        return part


def _is_strict(sent: Mapping[str, Any]) -> bool:
    return "tools" in sent and "strict" in sent["tools"][0]["function"]


def _describe(tools: tuple[Tool, ...]) -> str:
    described = [(tool.name, tool.description, json.dumps(tool.parameters, indent=1)) for tool in tools]
    return render("tool_as_text", functions=described)
