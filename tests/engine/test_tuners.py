"""Every tuner on a generated function, killed and resumed."""

import json
import random
from collections.abc import Callable, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.cli import terminal
from codegen_hpo.cli.outcome import outcome_json, print_outcome
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.fitting import fit
from codegen_hpo.records import Event
from codegen_hpo.run import Run
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedSandbox, ScriptedServer, replies
from codegen_hpo.testing.brain import draw_arguments
from codegen_hpo.testing.killing import Killed
from codegen_hpo.testing.replies import Scripted
from codegen_hpo.tuner.make import TunerOptions
from codegen_hpo.tuner.names import TUNERS, needs_model

Start = Callable[..., Run]
MOST = {
    "tuning": TunerOptions(llm_trials=4, llm_share=0.5),
    "budget": Budget(trials=16),
    "reseed": 0,
    "unsafe": True,
}


PAIRS = [  # a surrogate's proposal takes up to a second; the other half is in tests/objective/test_kill.py
    pytest.param(name, parallel, marks=pytest.mark.slow if "smac" in name or "gp" in name else ())
    for name, parallel in zip(TUNERS, cycle((3, 1)), strict=False)
]


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


@pytest.mark.slow
@pytest.mark.parametrize(("tuner", "parallel"), PAIRS)
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


def useless(source: str) -> Callable[[Mapping[str, Any]], Scripted]:
    """A model that writes the function and never calls it."""
    return lambda request: replies.text("no") if request.get("tools") else replies.code(source)


def test_a_run_tells_which_turns_of_the_model_another_tuner_took(
    start: Start, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"author": None, "model": "scripted", "tuner": "llm+tpe", "unsafe": True}
    with ScriptedServer(useless(source)) as server:
        run = start(base_url=server.base_url, budget=Budget(trials=6), **options)
    assert "no usable call in 2 turns in a row" in run.history.ended
    frame = run.leaderboard()
    assert [bool(said) for said in frame[frame["candidate"] != ""].sort_values("name")["fallback"]] == [
        False,
        True,
    ]
    terminal.console.cache_clear()  # it holds the stdout of an earlier test
    print_outcome(run, as_json=False)
    assert (
        "1 of 1 turns of the model were taken by tpe: the model gave no usable call"
        in capsys.readouterr().out
    )
    assert outcome_json(run)["fallbacks"] == 1


def test_too_few_trials_for_a_tuner_are_refused_before_a_model_is_paid(
    start: Start, source: str, tmp_path: Path
) -> None:
    options = {"author": None, "model": "scripted", "tuner": "centaur", "unsafe": True}
    with ScriptedServer(answers(source)) as server:
        for trials, candidates, reseed in ((14, 1, 0), (16, 2, 0), (17, 1, 3)):
            budget, more = Budget(trials=trials), {"candidates": candidates, "reseed": reseed}
            with pytest.raises(ConfigError, match="centaur would never ask its model"):
                start(base_url=server.base_url, budget=budget, **more, **options)
    assert not server.requests
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_model_may_tune_what_the_cookbook_wrote(tmp_path: Path, task: Task) -> None:
    with ScriptedServer(answers("")) as server:
        options = {
            "model": "scripted",
            "base_url": server.base_url,
            "environ": {},
            "trial_s": 2.0,
            "folds": 1,
        }
        budget = Budget(trials=3)
        run = fit(task, cookbook=True, tuner="llm", candidates=1, budget=budget, runs=tmp_path, **options)
        run.resume(trials=4, base_url=server.base_url, environ={})
    assert [by for by, *_ in proposals(run)] == ["default", "llm", "llm", "llm"]
    assert run.history.settings["author"] == "cookbook"
    assert run.history.settings["sandbox"] == "auto"
    assert run.best.candidate.author == "cookbook"
