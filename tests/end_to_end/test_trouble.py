"""What goes wrong around a run: a full disk, a neighbour, a kill, and time. `resume` carries each on."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.records import Event
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.testing.processes import (
    below,
    descriptors,
    is_zombie,
    kept_by_engine,
    none_left,
    resident_bytes,
    working_on,
)
from codegen_hpo.testing.watched_runs import after, ended, started, the_run, told, wait_for

pytestmark = pytest.mark.slow

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
MIB = 1 << 20
FIT = ("--target", "y", "--cookbook", "--candidates", 1, "--trial-time", "60s", "--threads", 1)
FIT += ("--folds", 1, "--parallel", 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> Path:
    """A file that takes all the room that is left."""
    ballast = place / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


def test_a_full_disk_stops_a_run_that_goes_on_when_there_is_room(
    cli: Cli, noise: Path, small_disk: Path
) -> None:
    with started("fit", noise, *FIT, "--trials", 4, "--runs", small_disk) as process:
        wait_for(after("trial", 2), small_disk, process)
        ballast = fill(small_disk)
        complaints = ended(process, 7)
    run = the_run(small_disk)
    assert "No space left on device" in complaints
    assert "make room on the disk" in complaints
    assert f"resume {run.path}" in complaints
    assert 2 <= len(run.history.trials) < 4
    assert run.history.state == "stopped"

    again = cli("resume", "latest", "--runs", small_disk, code=7)
    assert "No space left on device" in again.stderr

    ballast.unlink()
    cli("resume", "latest", "--runs", small_disk)
    history = the_run(small_disk).history
    assert history.state == "done"
    assert [trial.number for trial in history.trials] == [1, 2, 3, 4]
    assert {trial.outcome.status for trial in history.trials} == {"ok"}


def test_a_disk_that_is_full_from_the_start_is_told(cli: Cli, noise: Path, small_disk: Path) -> None:
    fill(small_disk).write_bytes(bytes(20 * MIB - (32 << 10)))  # room for a beginning
    complaints = cli("fit", noise, *FIT, "--runs", small_disk, code=7).stderr
    assert "the run cannot be written" in complaints
    assert "make room on the disk" in complaints
    assert "resume" not in complaints, "there is nothing to go on with"


def test_two_runs_at_once_do_not_touch_each_other(wall: str, noise: Path, tmp_path: Path) -> None:
    command = ("fit", noise, *FIT, "--trials", 2, "--sandbox", wall, "--runs")
    with started(*command, tmp_path / "one") as first, started(*command, tmp_path / "two") as second:
        ended(first, 0)
        ended(second, 0)
    one, two = the_run(tmp_path / "one"), the_run(tmp_path / "two")
    assert one.history.state == two.history.state == "done"
    assert len(one.history.trials) == 2
    assert told(one) == told(two)


def test_nothing_is_left_of_a_killed_run_after_five_seconds(wall: str, noise: Path, tmp_path: Path) -> None:
    with started("fit", noise, *FIT, "--sandbox", wall, "--runs", tmp_path) as host:
        wait_for(after("call", wait_s=0.3), tmp_path, host)
        name = the_run(tmp_path).path.name
        assert working_on(name), "there is a worker"
        if wall == "docker":
            assert kept_by_engine([host.pid])
        host.send_signal(signal.SIGKILL)
        host.wait()
    assert not none_left(lambda: working_on(name), patience_s=5)
    if wall == "docker":
        assert not none_left(lambda: kept_by_engine([host.pid]), patience_s=5)


QUICK = '''\
from typing import Annotated

import torch
from torch import nn


class Line(nn.Module):
    def __init__(self, n_numeric: int, n_outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_numeric, n_outputs)

    def forward(self, x_num: torch.Tensor, x_cat: torch.Tensor) -> torch.Tensor:
        return self.layer(x_num)


def make_model_and_optimizer(
    n_numeric: int,
    n_outputs: int,
    *,
    learning_rate: Annotated[float, 1e-6, 1e-1, "log"] = 1e-2,
    max_epochs: Annotated[int, 1, 3] = 3,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A linear model.

    Args:
        learning_rate: Step size.
        max_epochs: Passes over the rows.
    """
    model = Line(n_numeric, n_outputs)
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate)
'''


class Held(NamedTuple):
    """What a run holds at one moment: its host is the test itself."""

    descriptors: int
    threads: int
    processes: int  # of the worker, a trial's child among them
    their_descriptors: int
    zombies: int
    containers: int
    mib: int
    their_mib: int

    @classmethod
    def now(cls, run: str, wall: str) -> "Held":
        workers = sorted({*below(os.getpid()), *working_on(run)})
        return cls(
            descriptors=descriptors(os.getpid()),
            threads=len(os.listdir("/proc/self/task")),
            processes=len(workers),
            their_descriptors=sum(map(descriptors, workers)),
            zombies=sum(map(is_zombie, workers)),
            containers=len(kept_by_engine([os.getpid()])) if wall == "docker" else 0,
            mib=resident_bytes(os.getpid()) // MIB,
            their_mib=sum(map(resident_bytes, workers)) // MIB,
        )


class Watch:
    """A sink that looks at a run after its trials `early` and `late`: the least of several looks each time.

    A child that just ends, or one that touches what it shares, is there at one look and not at the next.
    """

    def __init__(self, runs: Path, wall: str) -> None:
        self._looks: dict[str, list[Held]] = {"early": [], "late": []}
        self._runs, self._wall = runs, wall

    def receive(self, event: Event) -> None:
        if event.kind != "trial":
            return
        for when, last in (("early", 60), ("late", 290)):  # before the test rows' worker
            if last - 8 < event.data["number"] <= last:
                self._looks[when].append(Held.now(the_run(self._runs).path.name, self._wall))

    def least(self, when: str) -> Held:
        return Held(*map(min, zip(*self._looks[when], strict=True)))


def test_three_hundred_trials_leave_nothing_behind(wall: str, noise: Path, tmp_path: Path) -> None:
    watch = Watch(tmp_path, wall)
    run = fit(
        Task.from_table(noise, "y"),
        author=ScriptedAuthor([QUICK]),
        tuner="random",
        sandbox=wall,
        budget=Budget(trials=300),
        threads=1,
        folds=1,
        parallel=1,
        device="cpu",
        runs=tmp_path,
        sinks=[watch],
    )
    assert [trial.outcome.status for trial in run.history.trials] == ["ok"] * 300
    early, late = watch.least("early"), watch.least("late")
    for what in ("descriptors", "threads", "processes", "their_descriptors", "zombies", "containers"):
        was, now = getattr(early, what), getattr(late, what)
        assert now <= was + 1, f"{what}: {was} at trial 60, {now} at trial 290"
    assert late.mib < early.mib + 40, "240 trials' records and no more"
    assert late.their_mib < early.their_mib + 8
    assert not none_left(lambda: working_on(run.path.name), patience_s=5)
    if wall == "docker":
        assert early.containers == late.containers == 1
        assert not none_left(lambda: kept_by_engine([os.getpid()]), patience_s=5)
