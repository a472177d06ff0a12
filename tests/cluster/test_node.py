"""A machine's workers are kept warm, and each trains one function only."""

from pathlib import Path
from typing import Literal

import pytest

from codegen_hpo.cluster import node
from codegen_hpo.cluster.bundle_copy import Packed, pack
from codegen_hpo.cluster.node import Bench
from codegen_hpo.cluster.wire import read_reply
from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello, Worker
from codegen_hpo.sandbox.outcome import Shape
from codegen_hpo.testing.bundles import write_sample_bundle


class Counted:
    """A sandbox that remembers its workers: the functions that each ran, and whether it is closed."""

    name = "counted"

    def __init__(self, device: str) -> None:
        self.device = device
        self.workers: list[CountedWorker] = []

    def open(self, bundle: Path) -> Worker:
        self.workers.append(CountedWorker(self.device))
        return self.workers[-1]


class CountedWorker:
    def __init__(self, device: str) -> None:
        self.hello = Hello(python="3.11.7", torch="2.13.0", cuda=device)
        self.ran: list[str] = []
        self.closed = False

    def run(self, job: Job) -> Outcome:
        if job.source == "breaks":
            raise SandboxError("the engine is gone")
        self.ran.append(job.source)
        return Outcome(status="ok")

    def close(self) -> None:
        self.closed = True


class Here:
    """A bench with its doubles."""

    def __init__(self, bundle: Path, most_idle: int = 2) -> None:
        self.places: dict[str, Counted] = {}
        self.fetched = 0
        self.bundle = bundle
        self.bench = Bench(self._choose, most_idle)

    def _choose(self, device: str) -> Counted:
        self.places[device] = Counted(device)
        return self.places[device]

    def _fetch(self) -> Packed:
        self.fetched += 1
        return pack(self.bundle)

    def ask(
        self,
        source: str | None,
        key: str,
        device: str = "cpu",
        kind: Literal["train", "predict"] = "train",
    ) -> str:
        job = Job(kind=kind, source=source) if source is not None else None
        told = read_reply(self.bench.answer("n1", device, key, self._fetch, job), Shape(1, 1))
        return told.hello.cuda

    @property
    def ran(self) -> list[list[str]]:
        return [worker.ran for worker in self.places["cpu"].workers]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Here(write_sample_bundle(tmp_path / "bundle"))


def test_a_greeted_worker_runs_the_first_function_and_no_other(here: Here) -> None:
    here.ask(None, "k")
    for source in ("a", "a", "b", "a"):
        here.ask(source, "k")
    assert here.ran == [["a", "a", "a"], ["b"]]
    assert here.fetched == 1


def test_one_worker_predicts_for_all_functions_and_is_none_that_trained_one(here: Here) -> None:
    here.ask("a", "k")
    for source in ("a", "b"):
        here.ask(source, "k", kind="predict")
    here.ask("c", "k")
    assert here.ran == [["a"], ["a", "b"], ["c"]]


def test_a_worker_sees_one_bundle_and_one_gpu(here: Here) -> None:
    assert here.ask("a", "k", "cuda:1") == "cuda:1"
    assert here.ask("a", "k", "cuda:0") == "cuda:0"
    here.ask("a", "k1")
    here.ask("a", "k2")
    assert [len(place.workers) for place in here.places.values()] == [1, 1, 2]


def test_the_worker_that_waited_longest_is_closed(here: Here) -> None:
    for source in ("a", "b", "a", "c"):
        here.ask(source, "k")
    assert [(worker.ran, worker.closed) for worker in here.places["cpu"].workers] == [
        (["a", "a"], False),
        (["b"], True),
        (["c"], False),
    ]
    here.bench.close()
    assert all(worker.closed for worker in here.places["cpu"].workers)


def test_a_disk_that_takes_no_data_is_named(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").write_text("no folder")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "full"))
    with pytest.raises(SandboxError, match=r"cannot keep a copy of the data: .*Not a directory"):
        here.ask("a", "k")


def test_a_worker_that_fails_is_not_used_again(here: Here) -> None:
    with pytest.raises(SandboxError, match="the engine is gone"):
        here.ask("breaks", "k")
    here.ask("a", "k")
    assert [worker.closed for worker in here.places["cpu"].workers] == [True, False]


@pytest.mark.parametrize(
    ("kind", "gpus", "device"),
    [
        ("cpu", [], "cpu"),
        ("cuda", ["3"], "cuda:3"),
        ("auto", ["0"], "auto:0"),
        ("cuda", ["GPU-1"], "cuda GPU-1"),
    ],
)
def test_ray_says_which_gpu(kind: str, gpus: list[str], device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(gpus))
    assert node._device(kind, gpus) == device
