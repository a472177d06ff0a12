"""kill -9 at five moments, each time resumed: a run of real processes ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedServer, replies
from codegen_hpo.testing.replies import Scripted

pytestmark = pytest.mark.slow

PATIENCE_S = 120.0  # for a moment to come; two busy cores are slow

Moment = Callable[[Path], bool]  # the folder of all runs → whether it is now

SOURCE = '''\
from typing import Annotated

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, n_numeric, cardinalities, n_outputs, width):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(count, 2) for count in cardinalities)
        self.layers = nn.Sequential(
            nn.Linear(n_numeric + 2 * len(cardinalities), width), nn.SiLU(), nn.Linear(width, n_outputs)
        )

    def forward(self, x_num, x_cat):
        parts = [x_num] + [table(x_cat[:, i]) for i, table in enumerate(self.tables)]
        return self.layers(torch.cat(parts, dim=1))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 8, 256, "log"] = 32,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2,
    patience: Annotated[int, 5, 400] = 400,
    max_epochs: Annotated[int, 1, 400] = 400,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """One hidden layer.

    Args:
        width: Units of the hidden layer.
        learning_rate: Step size of Adam.
        patience: Epochs without a better loss.
        max_epochs: Passes over the rows.
    """
    model = Net(n_numeric, cardinalities, n_outputs, width)
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
'''
SCRIPT = [
    replies.code(SOURCE),
    replies.call(width=16, learning_rate=0.02, patience=400, max_epochs=400),
    replies.call(width=16, learning_rate=7.0, patience=400, max_epochs=400),  # out of range
    replies.call(width=64, learning_rate=0.05, patience=400, max_epochs=400),
    replies.call(width=128, learning_rate=0.01, patience=400, max_epochs=400),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """300 rows with next to nothing to learn, so that early stopping ends each training soon."""
    generator = np.random.default_rng(11)
    x, noise = generator.normal(size=(2, 300))
    frame = pd.DataFrame(
        {"x": x, "colour": generator.choice(["red", "green", "blue"], 300), "y": 0.3 * x + noise}
    )
    frame.to_csv(tmp_path / "noise.csv", index=False)
    return tmp_path / "noise.csv"


class Ended(NamedTuple):
    """A process that was killed, and the processes that it left."""

    pid: int
    orphans: list[int]


def kinds(runs: Path) -> list[str]:
    """The kinds of a run's events so far; a torn last line is left out."""
    files = list(runs.glob("*/events.jsonl"))
    lines = files[0].read_bytes().split(b"\n")[:-1] if files else []
    return [json.loads(line)["kind"] for line in lines]


def after(kind: str, count: int = 1, wait_s: float = 0.0) -> Moment:
    """The moment some seconds after the event of that kind and count."""

    def come(runs: Path) -> bool:
        if kinds(runs).count(kind) < count:
            return False
        time.sleep(wait_s)
        return True

    return come


@contextmanager
def started(*arguments: object, env: Mapping[str, str] | None = None) -> "Iterator[subprocess.Popen[str]]":
    """A `codegen-hpo` process, which is dead afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "codegen_hpo.cli", *map(str, arguments)],
        # one thread: those of the boosting baseline wait by spinning
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (env or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def kill_at(moment: Moment, runs: Path, *arguments: object, env: Mapping[str, str] | None = None) -> Ended:
    """Starts the command and kills it with SIGKILL when the moment has come."""
    with started(*arguments, env=env) as process:
        deadline = time.monotonic() + PATIENCE_S
        while not moment(runs):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline, f"the moment did not come; the run has {kinds(runs)}"
            time.sleep(0.005)
        orphans = descendants(process.pid)
        process.kill()
        assert process.wait() == -signal.SIGKILL, "the process ended before it was killed"
        return Ended(process.pid, orphans)


def finish(*arguments: object, env: Mapping[str, str] | None = None) -> None:
    with started(*arguments, env=env) as process:
        _, complaints = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, complaints


def descendants(pid: int) -> list[int]:
    """The processes below one, by Linux's own lists; none elsewhere."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *descendants(child)]
    return found


def alive(pid: int) -> bool:
    """Whether a process runs: one that nobody waits for any more is a zombie, and dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def none_left(still_there: Callable[[], list[Any]], patience_s: float = 15.0) -> list[Any]:
    """What is there even after some patience: nothing, if all is well."""
    deadline = time.monotonic() + patience_s
    while (left := still_there()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def the_run(runs: Path) -> Run:
    (path,) = (path.parent for path in runs.glob("*/events.jsonl"))
    return Run.open(path)


def told(run: Run) -> list[tuple[object, ...]]:
    """What was proposed and what came of it: everything that must not depend on kills."""
    return [
        (
            t.name,
            t.candidate,
            t.code_hash,
            t.call,
            t.score,
            t.outcome.status,
            t.outcome.stopped,
            t.outcome.best_epoch,
            [(e.train_loss, e.inner_loss) for e in t.outcome.curve],
        )
        for t in run.history.trials
    ]


def assert_as_if_nothing_had_happened(run: Run, whole: Run) -> None:
    assert told(run) == told(whole)
    assert run.history.final == whole.history.final
    assert run.history.state == "done"
    for kind in ("prepared", "dry_run", "call", "trial", "final", "finished"):
        keys = [event.key for event in run.folder.of_kind(kind)]
        assert keys == [event.key for event in whole.folder.of_kind(kind)], f"{kind}: missing or doubled"
    winner = whole.history.final
    assert winner is not None
    weights = f"candidates/{winner.candidate}/trials/{winner.trial}/weights.safetensors"
    assert (run.path / weights).read_bytes() == (whole.path / weights).read_bytes()


def test_five_kills_change_neither_proposals_nor_scores_nor_the_winner(table: Path, tmp_path: Path) -> None:
    fit = ("fit", table, "--target", "y", "--cookbook", "--candidates", 2, "--trials", 6)
    fit += ("--trial-time", "60s", "--threads", 1)
    finish(*fit, "--runs", tmp_path / "whole")
    whole, runs = the_run(tmp_path / "whole"), tmp_path / "killed"
    assert {t.outcome.stopped for t in whole.history.trials} <= {"patience", "epochs"}, "the clock decided"

    ended = [kill_at(after("prepared"), runs, *fit, "--runs", runs)]
    resume = ("resume", "latest", "--runs", runs)
    for moment in (
        after("sandbox"),  # during the first dry-run
        after("candidate", wait_s=0.2),  # during the first trial
        after("trial", 3),  # between two trials
        after("trial", 6),  # before the test rows are opened
    ):
        ended.append(kill_at(moment, runs, *resume))
    finish(*resume)

    assert_as_if_nothing_had_happened(the_run(runs), whole)
    assert sum(len(end.orphans) for end in ended) >= 3, "workers were at work when their host was killed"
    assert not none_left(lambda: [pid for end in ended for pid in end.orphans if alive(pid)])


class Model:
    """A scripted model that goes by what the run has recorded, so that a request sent twice is the same one.

    The reply to `held` is kept back until `let_go`: a kill then meets a request in flight.
    """

    def __init__(self, runs: Path, held: int | None = None) -> None:
        self._runs, self._held = runs, held
        self.asked, self.let_go = threading.Event(), threading.Event()

    def __call__(self, body: Mapping[str, Any]) -> Scripted:
        number = kinds(self._runs).count("reply")
        if number == self._held and not self.let_go.is_set():
            self.asked.set()
            self.let_go.wait(PATIENCE_S)
        return SCRIPT[number]


@pytest.mark.parametrize(
    ("sandbox", "more"),
    [("none", ("--unsafe-no-sandbox",)), pytest.param("docker", (), marks=pytest.mark.docker)],
)
def test_a_killed_run_asks_its_model_nothing_twice_but_what_was_in_flight(
    table: Path, tmp_path: Path, sandbox: str, more: tuple[str, ...]
) -> None:
    fit = ("fit", table, "--target", "y", "--model", "scripted", "--trials", 4, "--sandbox", sandbox, *more)
    fit += ("--trial-time", "60s", "--threads", 1)

    def env(server: ScriptedServer) -> dict[str, str]:
        return {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-none"}

    with ScriptedServer(Model(tmp_path / "whole"), strict=True) as server:
        finish(*fit, "--runs", tmp_path / "whole", env=env(server))
        assert len(server.requests) == len(SCRIPT)
    whole, runs = the_run(tmp_path / "whole"), tmp_path / "killed"

    model = Model(runs, held=2)
    with ScriptedServer(model, strict=True) as server:
        ended = [kill_at(after("reply"), runs, *fit, "--runs", runs, env=env(server))]  # before the dry-run
        resume = ("resume", "latest", "--runs", runs, *more)
        for moment in (
            after("candidate", wait_s=0.2),  # during the first trial
            lambda _: model.asked.is_set(),  # while a request is in flight
            after("call", 2, wait_s=0.1),  # during a trial that the model proposed
            after("trial", 4),  # before the test rows are opened
        ):
            ended.append(kill_at(moment, runs, *resume, env=env(server)))
            if model.asked.is_set():
                model.let_go.set()
        finish(*resume, env=env(server))
        assert len(server.requests) == len(SCRIPT) + 1, "the one in flight is asked again, and no other"

    run = the_run(runs)
    assert_as_if_nothing_had_happened(run, whole)
    assert run.ledger.total.requests == len(SCRIPT)
    assert not none_left(lambda: [pid for end in ended for pid in end.orphans if alive(pid)])
    if sandbox == "docker":
        assert not none_left(lambda: containers_of([end.pid for end in ended]))


def containers_of(pids: list[int]) -> list[str]:
    """The owners of the engine's containers that those processes started."""
    import docker

    from codegen_hpo.sandbox.containers import LABEL, OWNER

    client = docker.from_env()
    try:
        found = client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL})
        owners = [container.labels[OWNER] for container in found]
    finally:
        client.close()
    return [owner for owner in owners if int(owner.split("/")[1]) in pids]
