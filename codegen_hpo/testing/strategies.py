"""A model that is simple but competent, and that knows nothing but its prompt.

    with ScriptedServer(LocalSearch(budget=25)) as server:
        ...

It searches around the best trial it is shown. A prompt that lacks what it promises is answered with an error
that says what is missing, so that the search which sent the prompt fails.
"""

import hashlib
import json
import math
import random
from collections.abc import Mapping
from typing import Any

from codegen_hpo.llm.dialect import Dialect
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.messages import Ask, Reply, Request, ToolCall, Usage
from codegen_hpo.testing.brain import Brain
from codegen_hpo.testing.replies import Scripted, call, fault, text
from codegen_hpo.testing.tuning_prompts import Lacking, Prompt, Shown, detailed, read_prompt, thoughts

_FIRST_STEP = 0.25  # of each range; it shrinks with every trial
_SHRINK = 0.92
_SWITCH = 0.15  # how likely another option is tried
_DRAWS = 100  # until one is new


class LocalSearch:
    """Answers tuning prompts, by a call or a JSON object: a pure function of what it reads in them.

    Args:
        budget: the number of trials that the search has, against which the prompts are checked.
        state: whether the prompts must tell the state of CMA-ES, as those of `centaur` do.
        analyses: whether the prompts must show the analyses of the runs, as where a model carries them out.
        trajectories: whether they must show how the runs went.
    """

    def __init__(
        self,
        *,
        budget: int | None = None,
        state: bool = False,
        analyses: bool = False,
        trajectories: bool = False,
    ) -> None:
        self._budget, self._needs_state = budget, state
        self._analyses, self._trajectories = analyses, trajectories

    def __call__(self, request: Mapping[str, Any]) -> Scripted:
        try:
            prompt = read_prompt(request)
            self._check(prompt)
        except Lacking as lacking:
            return fault(400, f"the prompt lacks {lacking}")
        # words are no reason to propose something else
        told = prompt._asdict() | {"trials": [trial[:4] for trial in prompt.trials]}
        read = json.dumps(told, sort_keys=True)
        arguments = _proposal(prompt, random.Random(hashlib.sha256(read.encode()).digest()))
        return call(arguments, name=prompt.tool) if prompt.tool else text(json.dumps(arguments))

    def _check(self, prompt: Prompt) -> None:
        known = len(prompt.running) + max((trial.number for trial in prompt.trials), default=0)
        if self._budget is not None and prompt.trials_left != self._budget - known:
            right = self._budget - known
            raise Lacking(f"the trials left: it says {prompt.trials_left}, and {right} is right")
        if self._needs_state and prompt.state is None:
            raise Lacking("the optimiser's state")
        self._check_words(prompt)
        if prompt.state is not None:
            parts = prompt.schema["properties"]
            named = [name for name in parts if name not in thoughts(prompt.schema)]
            for what, arguments in (("mean", prompt.state.mean), ("suggestion", prompt.state.suggestion)):
                if sorted(arguments) != sorted(named):
                    raise Lacking(f"the whole {what} of the optimiser: {sorted(arguments)}")
            free = {name for name, part in parts.items() if part.get("minimum") != part.get("maximum")}
            if free != set(prompt.state.spread):
                raise Lacking(f"the optimiser's spread: it tells {sorted(prompt.state.spread)}")

    def _check_words(self, prompt: Prompt) -> None:
        """What was said of the trials that are shown whole must be there."""
        reasoned = any(part["type"] == "object" for part in prompt.schema["properties"].values())
        for trial in detailed(prompt.trials, prompt.higher_is_better):
            if reasoned and trial.proposed_by == "llm" and sorted(trial.reasons) != sorted(trial.arguments):
                raise Lacking(f"the reasons for trial {trial.number}")
            if self._analyses and not trial.analysis:
                raise Lacking(f"the analysis of trial {trial.number}")
            if self._trajectories and trial.score is not None and not trial.trajectory:
                raise Lacking(f"the trajectory of trial {trial.number}")


def answered_by(brain: Brain) -> Ask:
    """An `Ask` that a brain answers in this process: quicker than a server, and without a client.

    An error of the brain is an AssertionError, which ends the test.
    """
    dialect = Dialect(Endpoint(base_url="http://127.0.0.1/v1", model="scripted"))

    def ask(request: Request) -> Reply:
        reply = brain(dialect.write(request))
        assert reply.status == 200, (reply.body or b"").decode()
        return Reply(
            text=reply.text,
            call=ToolCall(*reply.calls[0]) if reply.calls else None,
            finish=reply.finish or "cut",
            usage=Usage(1, 1),
            model="scripted",
            seconds=0.0,
        )

    return ask


class Asked:
    """A model that answers with prepared replies in turn, and what it was told.

    Args:
        prepared: the replies.
    """

    def __init__(self, *prepared: Scripted) -> None:
        self.prepared = list(prepared)
        self.told: list[str] = []  # all messages of each request
        self.ask = answered_by(self._answer)

    def _answer(self, body: Mapping[str, Any]) -> Scripted:
        self.told.append("\n\n".join(message["content"] for message in body["messages"]))
        return self.prepared.pop(0)


def _proposal(prompt: Prompt, generator: random.Random) -> dict[str, Any]:
    sign = -1 if prompt.higher_is_better else 1
    scored = [trial for trial in prompt.trials if trial.score is not None]
    best = min(scored, key=lambda trial: sign * (trial.score or 0.0), default=None)
    known = [*(trial.arguments for trial in prompt.trials), *prompt.running]
    step, switch = _FIRST_STEP * _SHRINK ** len(prompt.trials), _SWITCH
    places = thoughts(prompt.schema)
    parts = {name: part for name, part in prompt.schema["properties"].items() if name not in places}
    for _ in range(_DRAWS):
        drawn = {
            name: _near(part, _centre(name, best, prompt), step, switch, generator)
            for name, part in parts.items()
        }
        if drawn not in known:
            break
        step, switch = step * 1.1, min(switch * 1.1, 1.0)
    return _said(prompt.schema, best, drawn) | drawn


def _said(schema: Mapping[str, Any], best: Shown | None, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """What is said beside the arguments: of the call, and for each of them."""
    words = f"The best so far is trial {best.number}." if best else "Nothing is known."
    said: dict[str, Any] = {}
    for name in thoughts(schema):
        reasons = schema["properties"][name].get("properties")
        said[name] = {each: _reason(each, best, drawn[each]) for each in reasons} if reasons else words
    return said


def _reason(name: str, best: Shown | None, value: Any) -> str:
    if best is None:
        return "No trial has a score yet, so any value of the range may be good."
    if value == best.arguments[name]:
        return f"As in trial {best.number}, the best so far."
    known = best.arguments[name]
    shown = f"{known:.4g}" if isinstance(known, float) else json.dumps(known)
    return f"Trial {best.number} is the best so far with {shown}; a step away from it may be better."


def _centre(name: str, best: Shown | None, prompt: Prompt) -> Any:
    """The best value shown, or, as often, where CMA-ES would search."""
    if prompt.state is not None and (best is None or len(prompt.trials) % 2):
        return prompt.state.mean[name]
    return best.arguments[name] if best else None


def _near(part: Mapping[str, Any], centre: Any, step: float, switch: float, generator: random.Random) -> Any:
    options = [False, True] if part["type"] == "boolean" else part.get("enum")
    if options:
        keep = centre is not None and generator.random() > switch
        return centre if keep else generator.choice(options)
    low, high = float(part["minimum"]), float(part["maximum"])
    log = "log scale" in part["description"]
    if log:
        low, high = math.log(low), math.log(high)
    if centre is None:
        drawn = generator.uniform(low, high)
    else:
        middle = math.log(centre) if log else float(centre)
        drawn = _reflected(generator.gauss(middle, step * (high - low)), low, high)
    value = math.exp(drawn) if log else drawn
    value = min(max(value, part["minimum"]), part["maximum"])
    return round(value) if part["type"] == "integer" else value


def _reflected(value: float, low: float, high: float) -> float:
    """A step over an edge turns back there: cut at it, half of all steps from an edge would stay on it."""
    over = value - high if value > high else value - low if value < low else 0.0
    return value - 2 * over
