"""What a run with a language model costs in tokens: both forms of the tuning prompt, by trials and columns.

The author and the tuner are the real ones; the model is a script and the trials are made up, so that the
figures are those of the prompts alone, and the same on every machine. A run is one candidate, whose first
trial is at its defaults; the model proposes all others.
"""

import json
import math
import random
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from codegen_hpo.author.base import Brief
from codegen_hpo.author.card import tuning_card
from codegen_hpo.author.cookbook import RECIPES, CookbookAuthor
from codegen_hpo.author.language_model import LLMAuthor
from codegen_hpo.contract import read_candidate
from codegen_hpo.llm.messages import Purpose, Reply, Request, ToolCall, Usage
from codegen_hpo.llm.reading import estimated_tokens
from codegen_hpo.records import Call, Candidate, Epoch, Outcome, Trial, ranked
from codegen_hpo.space import Scalar
from codegen_hpo.task import Task
from codegen_hpo.testing.brain import draw_arguments
from codegen_hpo.tuner.history import History
from codegen_hpo.tuner.make import Model, TunerOptions, make_tuner
from codegen_hpo.tuner.subject import function_subject

RECIPE = "mlp"  # the function that the scripted model writes: about a hundred lines
CHANGED = 5  # arguments in which a call differs from the best one so far
ROWS = 400  # of a made-up table
_SENTENCE = (
    "Wider layers with a lower rate did best so far, and the loss of the last trial still fell at its end: "
    "this call tests more dropout over a longer schedule."
)
_FAILS = 7  # every trial whose number this divides


class Exchange(NamedTuple):
    """One request and its reply, in tokens."""

    phase: Purpose
    prompt: int
    cached: int  # of the prompt: those that begin as an earlier request of the run does
    completion: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """One run."""

    table: str
    columns: int  # that the model is given
    trials: int
    history: History
    exchanges: tuple[Exchange, ...]

    def total(self, phase: str | None = None) -> int:
        """The tokens of all exchanges, or of one phase."""
        return sum(each.prompt + each.completion for each in self.of(phase))

    def cached_share(self) -> float:
        """The share of all prompt tokens that a prompt cache could serve."""
        return sum(each.cached for each in self.exchanges) / sum(each.prompt for each in self.exchanges)

    def of(self, phase: str | None) -> list[Exchange]:
        """The exchanges of one phase."""
        return [each for each in self.exchanges if phase in (None, each.phase)]


def rehearse(task: Task, *, trials: int, history: History) -> Rehearsal:
    """One run on the task.

    Args:
        task: what is written and tuned for.
        trials: with that at the defaults.
        history: the form of the tuning prompts.
    """
    model = _ScriptedModel(CookbookAuthor().source(RECIPES.index(RECIPE) + 1, task.kind))
    brief = Brief(task=task, hardware="CPU, 2 threads", budget=f"{trials} trials", number=1)
    draft = LLMAuthor(model.ask, "scripted").write(brief)
    candidate = read_candidate(draft.source or "", name="c01", author="llm:scripted").candidate
    assert candidate is not None, "the cookbook's functions pass the gates"
    for trial in _search(task, candidate, model, trials, history):
        model.told.append(trial)
    return Rehearsal(
        table=task.name,
        columns=len(task.profile.features),
        trials=trials,
        history=history,
        exchanges=tuple(_counted(model.exchanged)),
    )


def made_up_task(columns: int) -> Task:
    """A regression on a table of so many columns: six of ten are numbers, three categories, one a date."""
    generator = np.random.default_rng(0)
    made: dict[str, object] = {}
    for number in range(1, columns + 1):
        if number % 10 == 0:
            moments = pd.Timestamp("2024-01-01") + pd.to_timedelta(
                generator.integers(0, 10**6, ROWS), unit="min"
            )
            made[f"moment_{number:03}"] = moments.strftime("%Y-%m-%d %H:%M")
        elif number % 10 in (3, 6, 9):
            made[f"category_{number:03}"] = generator.choice([f"level {n:02}" for n in range(12)], ROWS)
        else:
            made[f"measure_{number:03}"] = np.round(generator.lognormal(2.0, 1.0, ROWS), 2)
    made["price"] = np.round(generator.lognormal(3.0, 0.5, ROWS), 2)
    return replace(Task.from_table(pd.DataFrame(made), "price"), name="made up")


def prompt_text(request: Request) -> str:
    """The request in the order in which servers put it before a model: functions, then messages."""
    tools = "".join(tool.description + json.dumps(tool.parameters) for tool in request.tools)
    return tools + "".join(message.content for message in request.messages)


def shared_beginning(one: str, other: str) -> int:
    """How many characters both texts begin with."""
    lengths = range(1, min(len(one), len(other)) + 1)
    return bisect_left(lengths, True, key=lambda length: one[:length] != other[:length])


def reply_text(reply: Reply) -> str:
    """All that the model wrote."""
    return reply.text + (reply.call.arguments if reply.call else "")


@dataclass(slots=True)
class _ScriptedModel:
    """Writes the source; proposes calls near the best trial, with a sentence beside each."""

    source: str
    told: list[Trial] = field(default_factory=list)
    exchanged: list[tuple[Request, Reply]] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    def ask(self, request: Request) -> Reply:
        text, call = f"Here is the function.\n\n```python\n{self.source}```\n", None
        if request.tools:
            (tool,) = request.tools
            text, call = _SENTENCE, ToolCall(tool.name, json.dumps(self._near_best(tool.parameters)))
        usage = Usage(estimated_tokens(prompt_text(request)), estimated_tokens(text), estimated=True)
        finish = "tool_calls" if call else "stop"
        reply = Reply(text=text, call=call, finish=finish, usage=usage, model="scripted", seconds=0.0)
        self.exchanged.append((request, reply))
        return reply

    def _near_best(self, schema: Mapping[str, object]) -> dict[str, Scalar]:
        drawn = draw_arguments(schema, self._random)
        best = ranked(self.told)[0].call.arguments
        changed = self._random.sample(sorted(drawn), min(CHANGED, len(drawn)))
        return {name: drawn[name] if name in changed else best[name] for name in drawn}


def _search(
    task: Task, candidate: Candidate, model: _ScriptedModel, trials: int, history: History
) -> Iterator[Trial]:
    tuner = make_tuner(
        "llm",
        candidate.space,
        seed=0,
        trials=trials,
        subject=function_subject(tuning_card(task), candidate.title, task.metric),
        model=Model(model.ask, "scripted"),
        options=TunerOptions(history=history),
    )
    call = Call(arguments=candidate.space.defaults(), proposed_by="default")
    for number in range(1, trials + 1):
        trial = _made_up_trial(number, call, candidate)
        yield trial
        tuner.tell(trial)
        if number < trials:
            call = tuner.ask(trials - number)


def _made_up_trial(number: int, call: Call, candidate: Candidate) -> Trial:
    """A training of some dozens of epochs; one in seven fails."""
    generator = random.Random(number)
    epochs = generator.randint(24, 60)
    curve = tuple(
        Epoch(n, 0.3 + math.exp(-n / 6), 20 + 60 * math.exp(-n / 5) + 0.004 * (n - epochs + 16) ** 2, 0.4 * n)
        for n in range(1, epochs + 1)
    )
    score = 4.5 + 0.5 * generator.random()
    outcome = Outcome(
        status="ok",
        curve=curve,
        parameters=generator.randint(50_000, 400_000),
        best_epoch=epochs - 16,
        stopped="patience",
        seconds=round(5 + 10 * generator.random(), 2),
    )
    if number % _FAILS == 0:
        outcome = Outcome(status="nan", stage="step", error="the loss is not finite at epoch 3", seconds=1.2)
    failed = outcome.status != "ok"
    return Trial(
        number=number,
        candidate=candidate.name,
        code_hash=candidate.code_hash,
        call=call,
        outcome=outcome,
        score=None if failed else score,
        loss=None if failed else score,
    )


def _counted(exchanged: Sequence[tuple[Request, Reply]]) -> Iterator[Exchange]:
    earlier: list[str] = []
    for request, reply in exchanged:
        text = prompt_text(request)
        shared = max((shared_beginning(text, before) for before in earlier), default=0)
        earlier.append(text)
        yield Exchange(
            request.purpose,
            estimated_tokens(text),
            estimated_tokens(text[:shared]),
            estimated_tokens(reply_text(reply)),
        )
