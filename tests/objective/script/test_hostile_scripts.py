"""Scripts that go wrong in each known way: a failure on record, told to the tuner, and the run goes on."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.objective.script.configuration import based, open_configuration
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.runner import HostRunner
from codegen_hpo.objective.session import ObjectiveSession
from codegen_hpo.objective.settings import Aim, SearchSettings
from codegen_hpo.objective.trial_folder import read_log
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.run import Run
from codegen_hpo.space import Float, Int, Space
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.testing.replies import Scripted, call
from codegen_hpo.testing.strategies import LocalSearch, answered_by

FAULTS = {
    "crashes": ("raise ValueError('shapes 3 and 4')", "error", "ValueError: shapes 3 and 4"),
    "hangs": ("time.sleep(600)", "timeout", "stopped after 3 s"),
    "prints": ("print('x' * (50 << 20)); sys.exit('too loud')", "error", "too loud"),
    "forgets": ("sys.exit(0)", "bad_result", "metrics.json"),
    "writes NaN": ("give(float('nan'))", "nan", "the value is nan"),
    "rewrites": (
        "json.dump({'lr': 0}, open('c.json', 'w')); give(1.0)",
        "bad_result",
        "the script changed c.json",
    ),
    "lacks": ("import a_package_nobody_has", "error", "a_package_nobody_has is not installed"),
    "killed": ("os.kill(os.getpid(), 9)", "killed", "killed by SIGKILL"),
    "memory": ("bytes(1 << 60)", "oom", "out of memory"),
}

SCRIPT = """
import json, os, sys, time

def give(value):
    with open("metrics.json", "w") as file:
        json.dump({"loss": value}, file)

faults = json.load(open("faults.json"))
number = int(os.environ["CODEGEN_HPO_FOLDER"].split("/")[-2].removeprefix("t"))
if number <= len(faults):
    exec(faults[number - 1])
else:
    give(json.load(open("c.json"))["lr"])
"""


class Listener:
    """A competent model whose prompts are kept."""

    def __init__(self, budget: int) -> None:
        self.prompts: list[str] = []
        self._search = LocalSearch(budget=budget)

    def __call__(self, request: Mapping[str, Any]) -> Scripted:
        self.prompts.append(json.dumps(request))
        return self._search(request)


def tuned(exp: Path, faults: list[str], timeout_s: float, listener: Listener, trials: int) -> Run:
    (exp / "train.py").write_text(SCRIPT)
    (exp / "faults.json").write_text(json.dumps(faults))
    script = Script(
        command=f"{sys.executable} -S train.py",
        config="c.json",
        source=ValueSource(metric="loss", file="metrics.json"),
        timeout_s=timeout_s,
    )
    space = Space({"lr": Float(0.0, 1.0)})
    folder = RunFolder.at(exp / "runs/r")
    ObjectiveSession(
        aim=Aim(space=space, script=script),
        settings=SearchSettings(tuner="llm", model="scripted", budget=Budget(trials=trials)),
        objective=ScriptObjective(script, space, folder, HostRunner()),
        folder=folder,
        make_ask=lambda told: answered_by(listener),
    ).run()
    return Run.open(folder.path)


@pytest.mark.slow
def test_each_failure_is_recorded_and_told_in_the_next_prompt(exp: Path) -> None:
    faults, trials = [code for code, _, _ in FAULTS.values()], len(FAULTS) + 2
    listener = Listener(trials)
    run = tuned(exp, faults, 3.0, listener, trials)
    found = run.history.trials
    assert [t.outcome.status for t in found] == [status for _, status, _ in FAULTS.values()] + ["ok", "ok"]
    assert len(listener.prompts) == trials
    for trial, (_, _, said) in zip(found, FAULTS.values(), strict=False):
        assert trial.score is None
        assert said in trial.outcome.error
        assert said in listener.prompts[trial.number], f"the prompt after {trial.name} does not tell why"
    best = run.history.best()
    assert best is not None
    assert best.number > len(FAULTS)
    assert run.history.state == "done"


@pytest.mark.slow
def test_a_script_that_prints_gigabytes_neither_fills_the_memory_nor_the_run(exp: Path) -> None:
    listener = Listener(2)
    loud = "line = 'y' * (1 << 20)\nfor _ in range(3 << 10): print(line)\nsys.exit('too loud')"
    run = tuned(exp, [loud], 120.0, listener, 2)
    assert [t.outcome.status for t in run.history.trials] == ["error", "ok"]
    assert "too loud" in listener.prompts[1]
    assert sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file()) < 4 << 20


def test_an_unknown_partial_or_impossible_proposal_never_reaches_the_script(exp: Path) -> None:
    (exp / "train.py").write_text(
        "import json; held = json.load(open('c.json')); print(json.dumps({'loss': held['lr'], **held}))"
    )
    script = Script(
        command=f"{sys.executable} -S train.py", config="c.json", source=ValueSource(metric="loss")
    )
    opened = open_configuration(script)
    space = based(Space({"lr": Float(0.0, 1.0), "epochs": Int(1, 9)}), opened).space
    sent = [
        {"lr": 5.0, "epochs": 2},
        {"lr": 0.5, "epochs": 2, "rate": 1},
        {"lr": True, "epochs": 2},
        {"lr": 0.5},
    ]
    replies = iter(sent)

    def brain(request: Mapping[str, Any]) -> Scripted:
        return call(next(replies), name=request["tools"][0]["function"]["name"])

    folder = RunFolder.at(exp / "runs/r")
    ObjectiveSession(
        aim=Aim(space=space, script=script),
        settings=SearchSettings(tuner="llm", model="scripted", budget=Budget(trials=1)),
        objective=ScriptObjective(script, space, folder, HostRunner()),
        folder=folder,
        make_ask=lambda told: answered_by(brain),
    ).run()
    (trial,) = Run.open(folder.path).history.trials
    assert next(replies, None) is None
    assert trial.call.arguments == {"lr": 0.5, "epochs": 5}, "what is left out is as the user left it"
    assert read_log(folder, "trials/t001").endswith('{"loss": 0.5, "lr": 0.5, "epochs": 5}\n')
    assert [path.name for path in (folder.path / "trials").iterdir()] == ["t001"]
