"""A model that plays all parts of AgentHPO: it proposes a space and its values, carries them out, and has the
last word.

    with ScriptedServer(ScriptAgent(budget=10)) as server:
        ...

As `LocalSearch`, it knows nothing but the request before it, and answers one that lacks what it promises, or
that tells it of a mistake, with an error.
"""

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from codegen_hpo.testing.proposed_space import proposed_space
from codegen_hpo.testing.replies import Scripted, call, fault, text
from codegen_hpo.testing.strategies import LocalSearch
from codegen_hpo.testing.tuning_prompts import Lacking, schema_of

_FUNCTION_AS_TEXT = re.compile(r"^(?:The function|You cannot .* Write the call of) `(\w+)`", re.MULTILINE)
_VALUES = re.compile(r"^The hyperparameters to be tried: (\{.*\})$", re.MULTILINE)
_STEPS = re.compile(r"^You have at most (\d+) replies in all", re.MULTILINE)
_STATUS = re.compile(r"^Status: (\w+), after", re.MULTILINE)
_VALUE = re.compile(r"^(.+), as it was read for the record: (\S+)$", re.MULTILINE)
_COURSE = re.compile(r"^(.+) by step: \S+: ([^,\s]+)(?:.*: (\S+))?$", re.MULTILINE)
_BEST = re.compile(r'^How the best stands, .*: "((?:trial \d+ is the best|none of) .*)"$', re.MULTILINE)
_LEAST = 5  # replies that an experiment takes


class Turn(NamedTuple):
    """A call of the Executor's and what it was told of it."""

    function: str
    told: str


class ScriptAgent:
    """Answers every request of a search over a script: a pure function of what it reads in them.

    Args:
        budget: the number of trials that the search has, against which the prompts are checked.
        trajectories: whether the script leaves one, which the prompts must show then.
    """

    def __init__(self, *, budget: int | None = None, trajectories: bool = True) -> None:
        self._creator = LocalSearch(budget=budget, analyses=True, trajectories=trajectories)

    def __call__(self, request: Mapping[str, Any]) -> Scripted:
        functions = _functions(request)
        try:
            if "propose_space" in functions:
                name, arguments = "propose_space", proposed_space(request)
            elif "run_script" in functions:
                name, arguments = _carried_on(request)
            elif "conclude" in functions:
                name, arguments = "conclude", _last_word(request)
            else:
                return self._creator(request)
        except Lacking as lacking:
            return fault(400, f"the prompt lacks {lacking}")
        if "tools" in request:
            return call(arguments, name=name)
        return text(
            json.dumps({"function": name, "arguments": arguments} if len(functions) > 1 else arguments)
        )


def _functions(request: Mapping[str, Any]) -> list[str]:
    if "tools" in request:
        return [tool["function"]["name"] for tool in request["tools"]]
    return _FUNCTION_AS_TEXT.findall(request["messages"][-1]["content"])


# -- the Executor -------------------------------------------------------------------------------


def _carried_on(request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The next call: configuration, its change, the run, the logs, the analysis."""
    task = next(m["content"] for m in request["messages"] if m["role"] == "user")
    values = json.loads(_found(_VALUES, task, "the hyperparameters to be tried"))
    if int(_found(_STEPS, task, "the number of replies")) < _LEAST:
        raise Lacking(f"replies enough: {_LEAST} are needed")
    turns = _turns(request)
    match [turn.function for turn in turns]:
        case []:
            return "load_config", {}
        case ["load_config"]:
            for name in values:
                shown = turns[-1].told
                if name.rpartition(".")[2] not in shown and "{arguments}" not in shown:
                    raise Lacking(f"{name} in the configuration")
            return "write_config", {"values": values}
        case [*_, "write_config"]:
            return "run_script", {}
        case [*_, "run_script"]:
            status = _found(_STATUS, turns[-1].told, "the status of the run")
            return "load_logs", {"part": "trajectory" if status == "ok" else "errors"}
        case _:
            return "finish", {"analysis": _analysis(turns)}


def _turns(request: Mapping[str, Any]) -> list[Turn]:
    """Raises Lacking if a call was refused, for that of a competent model is not."""
    messages = request["messages"]
    turns = []
    for said, told in pairwise(messages):
        if said["role"] != "assistant":
            continue
        if told["content"].startswith("This reply could not be used"):
            raise Lacking(f"sense: {told['content']}")
        turns.append(Turn(json.loads(said["content"].split("\n")[-1])["function"], told["content"]))
    return turns


def _analysis(turns: list[Turn]) -> str:
    ran = next(turn.told for turn in turns if turn.function == "run_script")
    value = _VALUE.search(ran)
    if value is None:
        return f"The run failed with the status {_found(_STATUS, ran, 'the status of the run')}."
    said = [f"{value[1]} came to {value[2]}."]
    for name, first, last in _COURSE.findall(turns[-1].told):
        said.append(f"{name} went from {first} to {last or first}.")
    return " ".join(said)


# -- the last word ------------------------------------------------------------------------------


def _last_word(request: Mapping[str, Any]) -> dict[str, Any]:
    asked = "\n".join(m["content"] for m in request["messages"] if m["role"] == "user")
    schema, _ = schema_of(request)
    names = schema["properties"]["influence"]["required"]
    for name in names:
        if f"- {json.dumps(name)}" not in asked:
            raise Lacking(f"the hyperparameter {name}")
    standing = _found(_BEST, asked, "how the best stands")
    if standing.startswith("none"):
        summary = "No trial has a value."
        influence, direction = f"{summary} So nothing is known of it.", "Mend what makes the runs fail."
    else:
        summary = f"{' '.join(standing.split()[:2]).capitalize()} is the best."
        influence = f"{summary} So its value is the one to begin with."
        direction = "Repeat the best with other seeds: one run of each says little of chance."
    return {"influence": dict.fromkeys(names, influence), "directions": [direction], "summary": summary}


def _found(pattern: re.Pattern[str], text: str, what: str) -> str:
    match = pattern.search(text)
    if match is None:
        raise Lacking(what)
    return match[1]
