"""kill -9 in the middle of a search, then a resume: the calls are those of a whole one, for each tuner."""

import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import pytest

from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedServer
from codegen_hpo.testing.strategies import LocalSearch
from codegen_hpo.testing.watched_runs import after, ended, started, wait_for
from codegen_hpo.tuner.names import TUNERS

pytestmark = pytest.mark.slow

SPACE = """
[x]
type = "float"
low = -5
high = 5

[n]
type = "int"
low = 1
high = 12

[act]
options = ["p", "q", "r"]
"""

# the first calls take the longest: with several at once they end in another order than they began
SCRIPT = """
import json, os, time
a = json.load(open(os.environ["CODEGEN_HPO_ARGUMENTS"]))
number = int(os.path.basename(os.environ["CODEGEN_HPO_FOLDER"])[1:4])
time.sleep(0.6 if number % 3 == 1 else 0.2)
if a["n"] >= 9:
    raise SystemExit("n is too large")
print((a["x"] - 2) ** 2 + abs(a["n"] - 4) / 4 + (a["act"] != "q"))
"""


def told(run: Run) -> list[tuple[object, ...]]:
    return [(t.name, t.call, t.score, t.outcome.status, t.outcome.error) for t in run.history.trials]


# the other half of the pairs is tried on a generated function, by tests/engine/test_tuners.py
@pytest.mark.parametrize(("tuner", "parallel"), list(zip(TUNERS, cycle((1, 3)), strict=False)))
def test_a_killed_search_ends_as_an_undisturbed_one(tuner: str, parallel: int, tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "script.py").write_text(SCRIPT)
    trials = 13 if tuner == "centaur" else 7
    line = f"{sys.executable} -S {tmp_path / 'script.py'} {{arguments}}"
    tune = ("tune", tmp_path / "space.toml", "--command", line, "--tuner", tuner, "--trials", trials)
    tune += ("--parallel", parallel, "--llm-share", "0.5")
    with ScriptedServer(LocalSearch(budget=trials), strict=True) as server:
        env = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "k", "CODEGEN_HPO_MODEL": "m"}
        whole = finished(tmp_path / "whole", *tune, env=env)
        asked = len(server.requests)
        runs = tmp_path / "killed"
        with started(*tune, "--runs", runs, env=env) as process:
            wait_for(after("trial", 2, wait_s=0.1), runs, process)
        with started("resume", "latest", "--trust-command", "--runs", runs, env=env) as process:
            wait_for(after("trial", 5), runs, process)
        resumed = finished(runs, "resume", "latest", "--trust-command", env=env)
        # a request may have been in flight at each kill
        assert asked <= len(server.requests) - asked <= asked + 2
    assert told(resumed) == told(whole)
    assert len(resumed.folder.of_kind("trial")) == trials, "a trial was made twice"
    assert resumed.history.state == "done"


def finished(runs: Path, *arguments: object, env: dict[str, str]) -> Run:
    with started(*arguments, "--runs", runs, env=env) as process:
        ended(process, 0)
    (path,) = (path.parent for path in runs.glob("*/events.jsonl"))
    return Run.open(path)


def test_ctrl_c_ends_what_runs_and_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "script.py").write_text("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    line = f"{sys.executable} -S {tmp_path / 'script.py'}"
    runs = tmp_path / "runs"
    for parallel in (1, 2):
        tune = ("tune", tmp_path / "space.toml", "--command", line, "--parallel", parallel, "--runs", runs)
        with started(*tune) as process:
            wait_for(after("call", parallel, wait_s=1.0), runs, process)
            process.send_signal(2)
            said = ended(process, 130)
        assert "codegen-hpo resume" in said
        found = subprocess.run(["pgrep", "-f", str(tmp_path / "script.py")], capture_output=True, text=True)
        assert [pid for pid in found.stdout.split() if int(pid) != os.getpid()] == []
        (events,) = runs.glob("*/events.jsonl")
        assert [e.kind for e in Run.open(events.parent).folder.events][-1] == "interrupted"
        events.parent.rename(tmp_path / f"done-{parallel}")
