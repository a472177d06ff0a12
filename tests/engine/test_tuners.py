"""Every tuner on a generated function, killed and resumed."""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.records import Event
from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedSandbox, ScriptedServer, replies
from codegen_hpo.testing.brain import draw_arguments
from codegen_hpo.testing.replies import Scripted
from codegen_hpo.tuner.make import TunerOptions
from codegen_hpo.tuner.names import TUNERS, needs_model

Start = Callable[..., Run]
MOST = {"tuning": TunerOptions(llm_trials=4, llm_share=0.5), "budget": Budget(trials=16), "unsafe": True}


NAMES = [  # a surrogate's proposal takes up to a second
    pytest.param(name, marks=pytest.mark.slow if "smac" in name or "gp" in name else ()) for name in TUNERS
]


class Killed(BaseException):
    """Stands for SIGKILL: nothing between the engine and the test may catch it."""


class KillAtTrial:
    def __init__(self, trial: int) -> None:
        self._trial = trial

    def receive(self, event: Event) -> None:
        if event.kind == "trial" and event.data["number"] == self._trial:
            raise Killed


def answers(source: str) -> Callable[[Mapping[str, Any]], Scripted]:
    """The same answer to the same request, another to another."""

    def brain(request: Mapping[str, Any]) -> Scripted:
        for tool in request.get("tools", ()):
            generator = random.Random(json.dumps(request["messages"]))
            return replies.call(draw_arguments(tool["function"]["parameters"], generator))
        return replies.code(source)

    return brain


def proposals(run: Run) -> list[tuple[str, str, str]]:
    calls = [trial.call for trial in run.history.trials]
    return [(call.proposed_by, call.fallback, json.dumps(dict(call.arguments))) for call in calls]


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("tuner", NAMES)
def test_a_killed_run_goes_on_with_the_same_proposals(
    start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path, tuner: str, parallel: int
) -> None:
    options = {"author": None, "model": "scripted", "tuner": tuner, "parallel": parallel, **MOST}
    with ScriptedServer(answers(source)) as server:
        whole = start(runs=tmp_path / "whole", base_url=server.base_url, **options)
        requests = len(server.requests)
    with ScriptedServer(answers(source)) as server:
        with pytest.raises(Killed):
            start(runs=tmp_path / "killed", base_url=server.base_url, sinks=[KillAtTrial(13)], **options)
        run = Run.open(next((tmp_path / "killed").iterdir()))
        run.resume(base_url=server.base_url, sandbox=sandbox, environ={})
        assert len(server.requests) == requests, "a reply was paid twice"
    assert proposals(run) == proposals(whole)
    assert len({arguments for *_, arguments in proposals(run)}) == 16
    by_model = sum(by == "llm" for by, *_ in proposals(run))
    assert by_model == {"llm": 15, "centaur": 2}.get(tuner, 4 if needs_model(tuner) else 0)
    assert run.history.final == whole.history.final


def test_more_trials_change_nothing_in_how_a_hybrid_shared_the_work(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    options = {"author": None, "model": "scripted", "tuner": "llm+tpe", "unsafe": True}
    with ScriptedServer(answers(source)) as server:
        run = start(base_url=server.base_url, budget=Budget(trials=6), **options)
        run.resume(trials=12, base_url=server.base_url, sandbox=sandbox, environ={})
    assert [by for by, *_ in proposals(run)] == ["default", "llm", "llm"] + ["tpe"] * 9
