"""A dialogue in which a model works with functions, one call a reply, until one of them ends it.

Every agent works by this loop: the Executor of "Large Language Model Agent for Hyper-Parameter Optimization"
(arXiv 2402.01881, section 3.2), the final analysis and the assistant.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from codegen_hpo.llm.messages import Ask, Message, Purpose, Reply, Request, Tool
from codegen_hpo.llm.prompts import render
from codegen_hpo.llm.schema import misfit
from codegen_hpo.llm.written_call import written_call

OBSERVATION = 4_000  # characters of one observation that the model is shown
_SAID = 3_000  # characters of one reply that it is shown again
_HISTORY = 40_000  # characters of all turns; the oldest observations give way
_GONE = "(what came of this is no longer shown)"


class Refused(Exception):  # noqa: N818 - an answer to the model, not a fault
    """An action does not take these arguments; the text tells the model why and what to do."""


class Done(Exception):  # noqa: N818 - an end, not a fault
    """An action has ended the dialogue with this value."""

    def __init__(self, value: Any) -> None:
        super().__init__("done")
        self.value = value


class Action(NamedTuple):
    """A function that the model may call, and what is done then.

    `act` is given arguments that have the names and kinds of the tool's schema. It returns the observation,
    which is shown as data, or raises Refused or Done.
    """

    tool: Tool
    act: Callable[[dict[str, Any]], str]


class Ended(NamedTuple):
    """How a dialogue ended."""

    value: Any | None  # that of Done; None if the steps ran out before
    steps: int  # replies that were asked for
    reason: str  # why there is no value; empty if there is one


class _Turn(NamedTuple):
    """One reply, as it is shown again, and the answer to it."""

    said: str
    observed: str  # what came of the call; empty if there was no usable one
    complaint: str  # why it was not usable; empty if it was


def converse(
    ask: Ask, purpose: Purpose, messages: Sequence[Message], actions: Sequence[Action], *, steps: int
) -> Ended:
    """Lets the model act until an action is Done, or the steps run out. Raises what `ask` and actions raise.

    A reply without a usable call is answered with a complaint that says what to do, and counts as a step.

    Args:
        ask: reaches the model.
        purpose: the ledger's phase.
        messages: with which each request begins.
        actions: at least one.
        steps: replies that are asked for at most.
    """
    by_name = {action.tool.name: action for action in actions}
    tools = tuple(action.tool for action in actions)
    turns: list[_Turn] = []
    for step in range(1, steps + 1):
        request = Request(purpose=purpose, messages=(*messages, *_told(turns, steps - step + 1)), tools=tools)
        try:
            turns.append(_taken(ask(request), by_name))
        except Done as done:
            return Ended(done.value, step, "")
    last = f"; the last complaint: {turns[-1].complaint}" if turns and turns[-1].complaint else ""
    return Ended(None, steps, f"not finished after {steps} steps{last}")


def _taken(reply: Reply, actions: Mapping[str, Action]) -> _Turn:
    """The turn that the reply makes, its action done. Raises Done."""
    words = reply.text.strip()
    if reply.finish in ("length", "cut"):
        said = reply.call.arguments if reply.call else words
        return _Turn(said, "", "the reply was cut off before it was complete: answer more briefly")
    call = reply.call or written_call(words, actions)
    if call is None and reply.finish in ("refusal", "content_filter"):
        return _Turn(words, "", "no function was called: the reply was refused or withheld")
    if call is None:
        return _Turn(words, "", f"no function was called: call {_one_of(actions)}")
    name = call.name.rsplit(".", 1)[-1]
    if name not in actions:
        return _Turn(call.arguments, "", f"unknown function {call.name[:80]!r}: call {_one_of(actions)}")
    try:
        arguments = json.loads(call.arguments) if call.arguments.strip() else {}
    except (ValueError, RecursionError) as error:
        return _Turn(call.arguments, "", f"the arguments of {name} are not JSON: {error}")
    before = words if reply.call else ""  # a written call is in the words
    said = "\n".join(filter(None, (before, json.dumps({"function": name, "arguments": arguments}))))
    wrong = misfit(arguments, actions[name].tool.parameters)
    if wrong:
        return _Turn(said, "", f"{name} does not take these arguments: {wrong}")
    try:
        return _Turn(said, actions[name].act(arguments) or "(nothing)", "")
    except Refused as refused:
        return _Turn(said, "", str(refused))


def _one_of(names: Mapping[str, Action]) -> str:
    return f"one of {', '.join(names)}" if len(names) > 1 else next(iter(names))


def _told(turns: Sequence[_Turn], left: int) -> list[Message]:
    """The turns as messages: calls in words, in the form in which a call is written as text.

    A model that takes the earlier turns for its example so writes what can be read. When all is too long, the
    oldest observations are left out, the latest never.
    """
    messages: list[Message] = []
    room = _HISTORY
    for place, turn in reversed(list(enumerate(turns))):
        latest = place == len(turns) - 1
        observed = turn.observed[:OBSERVATION].rstrip()
        if len(turn.observed) > OBSERVATION:
            observed += "\n… (cut here)"
        if not latest and observed and len(observed) > room:
            observed = _GONE
        said = turn.said[:_SAID] or "(nothing)"
        room = max(0, room - len(observed) - len(said))
        answer = render(
            "dialogue_answer",
            observed=observed,
            complaint=turn.complaint,
            left=left if latest else None,
        )
        messages[:0] = [Message("assistant", said), Message("user", answer)]
    return messages
