"""What goes wrong around a run: a full disk, a neighbour, an engine that stops. `resume` carries each on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.run import Run

pytestmark = pytest.mark.slow

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
WALLS = ["none", "landlock", "bubblewrap", pytest.param("docker", marks=pytest.mark.docker)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    generator = np.random.default_rng(5)
    x, noise = generator.normal(size=(2, 300))
    frame = pd.DataFrame({"x": x, "colour": generator.choice(["red", "green"], 300), "y": x + noise})
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, with room for the beginning of a run."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def the_run(runs: Path) -> Run:
    (path,) = (path.parent for path in runs.glob("*/events.jsonl"))
    return Run.open(path)


def test_a_full_disk_stops_a_run_that_goes_on_when_there_is_room(
    cli: Cli, table: Path, small_disk: Path
) -> None:
    fit = ("fit", table, "--target", "y", "--cookbook", "--candidates", 1, "--trials", 40, "--trial-time", 2)
    stopped = cli(*fit, "--runs", small_disk, code=7)
    assert "No space left" in stopped.stderr
    assert "make room" in stopped.stderr
    assert "resume" in stopped.stderr
    trials = len(the_run(small_disk).history.trials)
    assert 0 < trials < 40

    subprocess.run(["mount", "-o", "remount,size=60m", small_disk], check=True)
    cli("resume", "latest", "--runs", small_disk, "--trials", trials + 2)
    history = the_run(small_disk).history
    assert history.state == "done"
    assert [trial.number for trial in history.trials] == list(range(1, trials + 3))


@pytest.mark.parametrize("wall", WALLS)
def test_two_runs_at_once_do_not_touch_each_other(table: Path, tmp_path: Path, wall: str) -> None:
    fit = ("fit", table, "--target", "y", "--cookbook", "--candidates", 1, "--trials", 4, "--sandbox", wall)
    command = [sys.executable, "-m", "codegen_hpo.cli", *map(str, fit), "--threads", "1", "--quiet"]
    places = [tmp_path / "one", tmp_path / "two"]
    runs = [
        subprocess.Popen([*command, "--runs", place], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for place in places
    ]
    for run in runs:
        _, complaints = run.communicate(timeout=200)
        if b"sandbox" in complaints and run.returncode == 5:
            pytest.skip(complaints.decode())
        assert run.returncode == 0, complaints.decode()
    one, two = (the_run(place).history for place in places)
    assert one.state == two.state == "done"
    assert [t.call for t in one.trials] == [t.call for t in two.trials]
    assert [t.score for t in one.trials] == [t.score for t in two.trials]


LONG_RUN = '''
import json, os, sys
from pathlib import Path
from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS

table, wall, runs = sys.argv[1:]
SOURCE = """
from typing import Annotated
import torch
from torch import nn


class Line(nn.Module):
    def __init__(self, n_numeric, cardinalities, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_numeric, n_outputs)

    def forward(self, x_num, x_cat):
        return self.layer(x_num)


def make_model_and_optimizer(
    n_numeric: int, cardinalities: list[int], n_outputs: int, *,
    learning_rate: Annotated[float, 1e-6, 1e-1, "log"] = 1e-2,
    max_epochs: Annotated[int, 1, 3] = 3,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    \\"\\"\\"A line.

    Args:
        learning_rate: Step size.
        max_epochs: Passes.
    \\"\\"\\"
    model = Line(n_numeric, cardinalities, n_outputs)
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate)
"""

def below(pid):
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *below(child)]
    return found

def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"

def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd")) if state(pid) not in "ZX" else 0

def resident(pid):
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

class Watch:
    def __init__(self):
        self.seen = []
    def receive(self, event):
        if event.kind == "trial" and event.data["number"] in (60, 300):
            children = below(os.getpid())
            self.seen.append({
                "fds": len(os.listdir("/proc/self/fd")),
                "children": len(children),
                "child_fds": sum(map(fds, children)),
                "zombies": sum(state(pid) == "Z" for pid in children),
                "host_kb": resident(os.getpid()),
                "children_kb": sum(resident(pid) for pid in children),
                "threads": len(os.listdir("/proc/self/task")),
            })

watch = Watch()
fit(
    Task.from_table(Path(table), "y"), author=ScriptedAuthor([SOURCE]), tuner="random",
    sandbox=wall, unsafe=True, budget=Budget(trials=300), candidates=1,
    threads=1, runs=runs, sinks=[watch], device="cpu",
)
print(json.dumps(watch.seen))
'''


@pytest.mark.parametrize("wall", WALLS)
def test_three_hundred_trials_leave_nothing_behind(table: Path, tmp_path: Path, wall: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LONG_RUN, str(table), wall, str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        timeout=280,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if "SandboxError" in done.stderr and "not" in done.stderr and wall not in ("none", "docker"):
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    early, late = json.loads(done.stdout.splitlines()[-1])
    for what in ("fds", "children", "child_fds", "threads"):
        assert late[what] <= early[what] + 1, f"{what}: {early[what]} at trial 60, {late[what]} at trial 300"
    assert late["zombies"] <= 1
    assert late["host_kb"] < early["host_kb"] + 40_000, (early, late)  # the records of 240 trials
    assert late["children_kb"] < early["children_kb"] + 8_000, (early, late)
    assert len(the_run(tmp_path / "runs").history.trials) == 300
