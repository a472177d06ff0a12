"""Trials on a real Ray cluster: three simulated nodes of which one is killed, and one on this machine."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from codegen_hpo.cluster.connection import Needs, connected, living_nodes
from codegen_hpo.cluster.node import Wish
from codegen_hpo.cluster.sandbox import RaySandbox
from codegen_hpo.cluster.worker import RayWorker
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError, SandboxError
from codegen_hpo.fitting import fit
from codegen_hpo.records import Event, Job
from codegen_hpo.run import Run
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.watched_runs import after, finish, started, the_run, wait_for

pytestmark = pytest.mark.slow

SOURCE = '''\
from typing import Annotated

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, n_numeric, n_outputs, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_numeric, width), nn.SiLU(), nn.Linear(width, n_outputs))

    def forward(self, x_num, x_cat):
        if self.training:
            for _ in range(TURNS):  # that it takes its time
                torch.ones(256, 256) @ torch.ones(256, 256)
        return self.layers(x_num)


def make_model_and_optimizer(
    n_numeric: int,
    n_outputs: int,
    *,
    width: Annotated[int, 8, 64] = 16,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2,
    max_epochs: Annotated[int, 5, 6] = 5,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """One hidden layer.

    Args:
        width: Units of the hidden layer.
        learning_rate: Step size of Adam.
        max_epochs: Passes over the rows.
    """
    model = Net(n_numeric, n_outputs, width)
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
'''


class Cluster(NamedTuple):
    """Three nodes of one CPU each; the first one holds the cluster together."""

    cluster: Any
    address: str  # ray://…

    def kill_one_at_work(self) -> str:
        """Kills a node that runs a task, not the first one, and gives its name; "" if all are between two."""
        _head, *others = self.cluster.list_all_nodes()
        for node in others:
            (raylet,) = node.all_processes["raylet"]
            workers = children(raylet.process.pid)
            if any(title.startswith("ray::answer") for title in workers.values()):
                for (
                    pid
                ) in workers:  # without their machine they would go on for a while, and perhaps end well
                    os.kill(pid, signal.SIGSTOP)
                self.cluster.remove_node(node, allow_graceful=False)
                for pid in workers:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return str(node.node_id)
        return ""


def children(parent: int) -> dict[int, str]:
    """The titles of a process's children; Ray's workers tell in it what they do."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((process / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found[int(process.name)] = (process / "cmdline").read_text()
    return found


@pytest.fixture(scope="module")
def three_nodes() -> Iterator[Cluster]:
    pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster as Simulated

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    head = {"num_cpus": 1, "include_dashboard": False, "ray_client_server_port": port}
    head["_system_config"] = {"worker_niceness": 0}  # Ray's 15 gives other tests the whole machine
    cluster = Simulated(initialize_head=True, connect=False, head_node_args=head)
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield Cluster(cluster, f"ray://127.0.0.1:{port}")
    finally:
        cluster.shutdown()


def run(table: pd.DataFrame, runs: Path, *, turns: int = 0, **changes: object) -> Run:
    options: dict[str, object] = {
        "author": ScriptedAuthor([SOURCE.replace("TURNS", str(turns))]),
        "tuner": "tpe",
        "sandbox": "none",
        "threads": 1,
        "folds": 1,
        "memory_bytes": 1 << 30,
        "runs": runs,
        "environ": {},
    }
    return fit(Task.from_table(table, "y"), **options | changes)  # type: ignore[arg-type]


def told(run: Run) -> list[tuple[int, str, float | None]]:
    return [(t.number, json.dumps(dict(t.call.arguments)), t.score) for t in run.history.trials]


class KillANode:
    """A sink that kills a machine after the third trial, as soon as one ends while another is under way."""

    def __init__(self, nodes: Cluster) -> None:
        self.nodes = nodes
        self.killed = ""

    def receive(self, event: Event) -> None:
        if event.kind == "trial" and event.data["number"] >= 3 and not self.killed:
            self.killed = self.nodes.kill_one_at_work()


def test_of_twelve_trials_on_three_nodes_none_is_lost_when_a_node_dies(
    three_nodes: Cluster, small_table: pd.DataFrame, tmp_path: Path
) -> None:
    kill = KillANode(three_nodes)
    found = run(
        small_table,
        tmp_path / "cluster",
        turns=100,
        workers=three_nodes.address,
        budget=Budget(trials=12),
        reseed=0,
        sinks=[kill],
    )
    assert found.history.settings["parallel"] == 3
    trials = found.history.trials
    assert [t.number for t in trials] == list(range(1, 13))
    assert {t.outcome.status for t in trials} == {"ok"}
    notes = [" ".join(t.outcome.notes) for t in trials]
    assert kill.killed
    assert sum("tried again: the node died" in note for note in notes) == 1
    assert 2 <= len({note.partition("on node ")[2][:6] for note in notes}) <= 3
    assert found.history.final is not None
    written = (found.path / "events.jsonl").read_text()
    assert three_nodes.address.rpartition(":")[0].removeprefix("ray://") not in written

    # and what is proposed is what this machine alone would have proposed
    alone = run(small_table, tmp_path / "alone", parallel=3, budget=Budget(trials=12), reseed=0)
    assert told(alone) == told(found)


def fit_words(table: Path, runs: Path, trials: int) -> tuple[object, ...]:
    """The command line of a short fit."""
    words = (
        "fit",
        table,
        "--target",
        "y",
        "--cookbook",
        "--candidates",
        1,
        "--trials",
        trials,
        "--trial-time",
        "1s",
    )
    return *words, "--folds", 1, "--threads", 1, "--memory", 1, "--reseed", 0, "--runs", runs


def test_a_killed_driver_is_resumed_and_no_trial_is_done_twice(
    three_nodes: Cluster, tmp_path: Path, small_table: pd.DataFrame
) -> None:
    table, runs = tmp_path / "t.csv", tmp_path / "runs"
    small_table.to_csv(table, index=False)
    with started(*fit_words(table, runs, 5), "--workers", three_nodes.address) as process:
        wait_for(after("trial", 2), runs, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = told(the_run(runs))
    finish("resume", "latest", "--runs", runs, "--workers", three_nodes.address)
    found = the_run(runs)
    assert found.history.state == "done"
    assert told(found)[: len(before)] == before
    assert [t.number for t in found.history.trials] == [1, 2, 3, 4, 5]
    keys = [event.key for event in found.folder.of_kind("trial")]
    assert len(keys) == len(set(keys)) == 5


def test_a_trial_that_no_machine_can_run_is_refused_at_once(
    three_nodes: Cluster, small_table: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no machine of the cluster has 2 CPUs"):
        run(small_table, tmp_path, workers=three_nodes.address, threads=2)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def open_worker(three_nodes: Cluster, tmp_path: Path) -> Iterator[Callable[[], RayWorker]]:
    """Opens a worker of the cluster, of one CPU; this process is connected."""
    needs = Needs(1, 0, 1 << 30)
    wish = Wish(
        sandbox="none",
        trusted=True,
        unsafe=False,
        device="cpu",
        limits=Limits(),
        most_idle=1,
        version=version("codegen-hpo"),
    )
    with connected(three_nodes.address, needs):
        yield partial(RaySandbox(wish, needs).open, write_sample_bundle(tmp_path / "bundle"))


@pytest.fixture
def taken(open_worker: Callable[[], RayWorker]) -> Iterator[None]:
    """All CPUs are somebody else's, before a worker is opened: it asks for one at once."""
    import ray

    @ray.remote(num_cpus=1, max_retries=0)
    def hold() -> None:
        time.sleep(600)

    held = [hold.remote() for _ in living_nodes()]
    while ray.available_resources().get("CPU", 0) >= 1:
        time.sleep(0.1)
    yield
    for one in held:
        ray.cancel(one, force=True)


def ended_by_closing(work: Callable[[], object], worker: RayWorker, after_s: float) -> SandboxError:
    """How the work ends when another thread closes the worker."""
    faults: list[SandboxError] = []

    def run() -> None:
        with pytest.raises(SandboxError) as caught:
            work()
        faults.append(caught.value)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(after_s)
    assert thread.is_alive()
    worker.close()
    thread.join(60)
    return faults[0]


def test_a_job_under_way_ends_when_its_worker_is_closed(open_worker: Callable[[], RayWorker]) -> None:
    worker = open_worker()
    endless = Job(kind="train", source=SOURCE.replace("TURNS", "10**9"), arguments={"max_epochs": 5})
    assert "closed" in str(ended_by_closing(lambda: worker.run(endless), worker, 3))


@pytest.mark.usefixtures("taken")
def test_a_worker_that_waits_for_a_place_can_be_closed_and_gives_up(
    open_worker: Callable[[], RayWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = open_worker()
    with monkeypatch.context() as impatient:
        impatient.setattr("codegen_hpo.cluster.worker.PATIENCE_S", 1.0)
        with pytest.raises(SandboxError, match="no place for a trial of 1 CPU") as caught:
            assert worker.hello
        assert "resumed" in caught.value.hint
    assert "closed" in str(ended_by_closing(lambda: worker.hello, worker, 1))


def test_a_cluster_that_is_gone_is_a_fault_of_the_host_and_leaves_nothing_waiting(
    three_nodes: Cluster, tmp_path: Path, small_table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "1")

    class KillThemAll:
        def receive(self, event: Event) -> None:
            if event.kind == "candidate":
                for node in reversed(three_nodes.cluster.list_all_nodes()):
                    three_nodes.cluster.remove_node(node, allow_graceful=False)

    with pytest.raises(SandboxError, match="does not answer") as caught:
        run(small_table, tmp_path, workers=three_nodes.address, sinks=[KillThemAll()])
    assert "resumed" in caught.value.hint
    assert the_run(tmp_path).history.state == "failed"


def test_workers_on_this_machine(tmp_path: Path, small_table: pd.DataFrame) -> None:
    table, runs = tmp_path / "t.csv", tmp_path / "runs"
    small_table.to_csv(table, index=False)
    finish(
        *(*fit_words(table, runs, 3), "--workers", 2),
        *("--sink", f"csv:{tmp_path / 'trials.csv'}"),
    )
    found = the_run(runs)
    assert (found.history.state, found.history.settings["parallel"]) == ("done", 2)
    assert all("on node" in t.outcome.notes[-1] for t in found.history.trials)
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 4
