"""kill -9 while a script runs: it dies with its host, and a resumed search ends as an undisturbed one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from codegen_hpo.run import Run
from codegen_hpo.testing.processes import alive, below, none_left
from codegen_hpo.testing.watched_runs import Process, after, ended, wait_for

pytestmark = pytest.mark.slow

TRIALS = 5

SESSION = f"""
import sys
from pathlib import Path
from codegen_hpo.engine.settings import Budget
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.runner import HostRunner
from codegen_hpo.objective.session import ObjectiveSession
from codegen_hpo.objective.settings import Aim, SearchSettings
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.space import Float, Space
from codegen_hpo.store.folder import RunFolder

script = Script(
    command=sys.executable + " -S train.py",
    config="c.yaml",
    source=ValueSource(metric="loss", file="metrics.csv"),
)
space, folder = Space({{"lr": Float(0.0, 1.0)}}), RunFolder.at(Path(sys.argv[1]) / "r")
ObjectiveSession(
    aim=Aim(space=space, script=script),
    settings=SearchSettings(tuner="tpe", parallel=int(sys.argv[2]), budget=Budget(trials={TRIALS})),
    objective=ScriptObjective(script, space, folder, HostRunner()),
    folder=folder,
).run()
"""

# a trial that began where another one was would find its metrics
SCRIPT = """
import time
lr = float(open("c.yaml").read().partition("lr: ")[2])
with open("metrics.csv", "x") as file:
    print("epoch,loss", file=file)
    for epoch in range(4):
        time.sleep(0.2)
        print(epoch, (lr - 0.3) ** 2 / (1 + epoch), sep=",", file=file, flush=True)
"""


@contextmanager
def session(exp: Path, runs: Path, parallel: int) -> Iterator[Process]:
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION, runs, str(parallel)],
        cwd=exp,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def told(run: Run) -> list[tuple[object, ...]]:
    return [(t.name, t.call, t.score, t.outcome.status, t.outcome.trajectory) for t in run.history.trials]


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_killed_search_of_a_script_ends_as_an_undisturbed_one(exp: Path, parallel: int) -> None:
    (exp / "c.yaml").write_text("lr: 0.5\n")
    (exp / "train.py").write_text(SCRIPT)
    with session(exp, exp / "whole", parallel) as process:
        ended(process, 0)
    with session(exp, exp / "runs", parallel) as process:
        # in the middle of a script, whose metrics are there in part
        wait_for(after("call", parallel + 1, wait_s=0.5), exp / "runs", process)
        scripts = below(process.pid)
        assert scripts
        process.kill()
        process.wait()
    assert none_left(lambda: [pid for pid in scripts if alive(pid)]) == [], "a script outlived its host"
    with session(exp, exp / "runs", parallel) as process:
        ended(process, 0)
    whole, resumed = Run.open(exp / "whole/r"), Run.open(exp / "runs/r")
    assert told(resumed) == told(whole)
    assert all(t.outcome.status == "ok" and t.outcome.trajectory for t in resumed.history.trials)
    events = resumed.folder.of_kind("trial")
    assert len(events) == TRIALS, "a trial was made twice"
    assert any(event.data["files"].endswith(".1") for event in events), "a killed workspace was used again"
