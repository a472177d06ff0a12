"""The tuners with a model, driven through a server and the real client by a model that reads its prompt."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from codegen_hpo.errors import EndpointError
from codegen_hpo.llm.client import Client
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.testing import ScriptedServer
from codegen_hpo.testing.strategies import LocalSearch
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.make import Model, TunerOptions, make_tuner
from codegen_hpo.tuner.subject import objective_metric, objective_subject

SPACE = Space(
    {
        "rate": Float(1e-5, 1.0, log=True, default=1e-4, description="Step size"),
        "width": Int(16, 512, default=32),
        "act": Choice(("relu", "silu", "tanh"), default="relu"),
        "bias": Choice((True, False), default=True),
    }
)
BUDGET = 25
LOSS = objective_metric("val_loss")


def loss(arguments: Mapping[str, Any]) -> float | None:
    """Best at rate 0.03, width 200 and silu; a wide net at a high rate fails."""
    if arguments["width"] > 400 and arguments["rate"] > 0.1:
        return None
    off = math.log10(arguments["rate"] / 0.03) ** 2 + ((arguments["width"] - 200) / 100) ** 2
    return off + (0.0 if arguments["act"] == "silu" else 1.0) + 0.1 * arguments["bias"]


def trial(number: int, call: Call, metric: Any = LOSS) -> Trial:
    value = loss(call.arguments)
    score = None if value is None else -value if metric.higher_is_better else value
    outcome = Outcome(status="ok") if value is not None else Outcome(status="oom", error="out of memory")
    return Trial(number=number, call=call, outcome=outcome, score=score, loss=value)


@contextmanager
def reached(brain: Callable[..., Any]) -> Iterator[tuple[Model, ScriptedServer]]:
    with ScriptedServer(brain) as server:
        yield Model(Client(Endpoint(base_url=server.base_url, model="m")).ask, "m"), server


def search(tuner: Tuner, *, parallel: int = 1, budget: int = BUDGET, metric: Any = LOSS) -> list[Trial]:
    """The trials of a whole search, at most `parallel` calls under way."""
    told = [trial(1, Call(arguments=SPACE.defaults(), proposed_by="default"), metric)]
    tuner.tell(told[0])
    running: list[Call] = []
    while len(told) + len(running) < budget:
        running.append(tuner.ask(budget - len(told) - len(running), tuple(running)))
        if len(running) == parallel:
            told.append(trial(len(told) + 1, running.pop(0), metric))
            tuner.tell(told[-1])
    return told


def best(trials: list[Trial]) -> float:
    return min(trial.loss for trial in trials if trial.loss is not None)


def made(name: str, model: Model, metric: Any = LOSS, **options: Any) -> Tuner:
    subject = objective_subject("A small network.", metric, SPACE)
    return make_tuner(
        name, SPACE, seed=0, trials=BUDGET, subject=subject, model=model, options=TunerOptions(**options)
    )


@pytest.mark.parametrize("replies", ["call", "json"])
@pytest.mark.parametrize("role", ["expert", "plain"])
@pytest.mark.parametrize("reasoning", [False, True])
@pytest.mark.parametrize("history", ["compressed", "chat"])
def test_a_model_that_reads_its_prompt_improves_in_every_form(
    history: str, reasoning: bool, role: str, replies: str
) -> None:
    with reached(LocalSearch(budget=BUDGET)) as (model, server):
        tuner = made("llm", model, history=history, reasoning=reasoning, role=role, replies=replies)
        trials = search(tuner)
    assert best(trials) < 0.25 * best(trials[:1])
    assert {trial.call.proposed_by for trial in trials[1:]} == {"llm"}
    assert all(bool(trial.call.reasoning) == reasoning for trial in trials[1:])
    for request in server.requests:
        assert ("tools" in request.body) == (replies == "call")
        assert ("expert" in request.body["messages"][0]["content"]) == (role == "expert")


def test_a_model_that_reads_its_prompt_improves_a_metric_that_is_to_rise() -> None:
    accuracy = objective_metric("accuracy", higher_is_better=True)
    with reached(LocalSearch(budget=BUDGET)) as (model, _):
        trials = search(made("llm", model, accuracy), metric=accuracy)
    assert best(trials) < 0.25 * best(trials[:1])


@pytest.mark.parametrize("name", ["llm", "llm+tpe", "centaur"])
def test_calls_under_way_are_told_and_not_repeated(name: str) -> None:
    with reached(LocalSearch(budget=BUDGET, state=name == "centaur")) as (model, server):
        trials = search(made(name, model), parallel=3)
    proposed = [tuple(trial.call.arguments.items()) for trial in trials]
    assert len(set(proposed)) == BUDGET - 2
    told = [request.body["messages"][-1]["content"] for request in server.requests]
    assert sum("Under way, without a result yet" in text for text in told) > len(told) // 2


@pytest.mark.parametrize(
    ("name", "budget"),
    [
        ("llm+tpe", BUDGET),
        pytest.param("llm+gp", 14, marks=pytest.mark.slow),
        pytest.param("llm+smac-rf", 14, marks=pytest.mark.slow),
    ],
)
def test_a_hybrid_goes_on_from_the_trials_of_the_model(name: str, budget: int) -> None:
    with reached(LocalSearch(budget=budget)) as (model, _):
        trials = search(made(name, model, llm_trials=8), budget=budget)
    by = [trial.call.proposed_by for trial in trials]
    assert by == ["default", *["llm"] * 8, *[name.removeprefix("llm+")] * (budget - 9)]
    assert best(trials) < 0.6 * best(trials[:1])


@pytest.mark.parametrize("replies", ["call", "json"])
def test_centaur_tells_its_state_to_a_model_that_reads_it(replies: str) -> None:
    with reached(LocalSearch(budget=BUDGET, state=True)) as (model, server):
        trials = search(made("centaur", model, replies=replies, llm_share=0.5))
    by = [trial.call.proposed_by for trial in trials]
    assert by == ["default", *["cmaes"] * 10, *["cmaes", "llm"] * 7]
    assert len(server.requests) >= 7
    assert best(trials) < 0.3 * best(trials[:1])


def without(*parts: str) -> Callable[[Mapping[str, Any]], Any]:
    """The strategy behind a proxy that takes lines with these words out of every prompt."""
    strategy = LocalSearch(budget=BUDGET, state=True)

    def answer(request: Mapping[str, Any]) -> Any:
        messages = [
            message
            | {
                "content": "\n".join(
                    line for line in message["content"].split("\n") if not any(part in line for part in parts)
                )
            }
            for message in request["messages"]
        ]
        return strategy({**request, "messages": messages})

    return answer


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("is better", "lacks a direction"),
        ("Trials left", "lacks the trials left"),
        ('Trial 9 ("cmaes")', r"lacks the trials \[9\]"),
        ('"val_loss" ', "lacks the result of trial"),
        ('- ("', r"lacks the trials left: it says \d+, and \d+ is right"),  # the calls under way
        ("# The optimiser's state", "lacks the optimiser's state"),
        ("Mean: ", "lacks the optimiser's mean"),
        ("Step size: ", "lacks the optimiser's step size"),
        ("Generation: ", "lacks the optimiser's generation"),
        ('- "width"', "lacks the optimiser's spread"),
        ("Its own suggestion", "lacks the optimiser's its own suggestion"),
    ],
)
def test_a_prompt_that_lacks_a_part_ends_the_search(part: str, said: str) -> None:
    with reached(without(part)) as (model, _):
        tuner = made("centaur", model, llm_share=1.0)
        with pytest.raises(EndpointError, match=said):
            search(tuner, parallel=2)
