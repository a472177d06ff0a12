"""kill -9 at five moments, each time resumed: a run of real processes ends as if nothing had happened."""

import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from codegen_hpo.testing import ScriptedServer, replies
from codegen_hpo.testing.processes import alive, below, kept_by_engine, none_left
from codegen_hpo.testing.replies import Scripted
from codegen_hpo.testing.watched_runs import (
    PATIENCE_S,
    Moment,
    after,
    assert_as_if_nothing_had_happened,
    finish,
    kinds,
    started,
    the_run,
    wait_for,
)

pytestmark = pytest.mark.slow

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


class Ended(NamedTuple):
    """A process that was killed, and the processes that it left."""

    pid: int
    orphans: list[int]


def kill_at(moment: Moment, runs: Path, *arguments: object, env: Mapping[str, str] | None = None) -> Ended:
    """Starts the command and kills it with SIGKILL when the moment has come."""
    with started(*arguments, env=env) as process:
        wait_for(moment, runs, process)
        orphans = below(process.pid)
        process.kill()
        assert process.wait() == -signal.SIGKILL, "the process ended before it was killed"
        return Ended(process.pid, orphans)


def test_five_kills_change_neither_proposals_nor_scores_nor_the_winner(noise: Path, tmp_path: Path) -> None:
    fit = ("fit", noise, "--target", "y", "--cookbook", "--candidates", 2, "--trials", 6)
    fit += ("--trial-time", "60s", "--threads", 1, "--folds", 1, "--parallel", 2)
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
    noise: Path, tmp_path: Path, sandbox: str, more: tuple[str, ...]
) -> None:
    fit = ("fit", noise, "--target", "y", "--model", "scripted", "--trials", 4, "--sandbox", sandbox, *more)
    fit += ("--trial-time", "60s", "--threads", 1, "--folds", 1, "--parallel", 1)

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
        assert not none_left(lambda: kept_by_engine(end.pid for end in ended))
