"""Jobs through each back end: what a run relies on."""

import math
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Epoch, Job
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import sample_source

SOURCE = '''
import torch
from torch import Tensor, nn
from typing import Annotated


class Net(nn.Module):
    def __init__(self, n_numeric, cardinalities, n_outputs, width, k, quantiles):
        super().__init__()
        self.register_buffer("edges", quantiles[:, ::16].clone())
        self.embeddings = nn.ModuleList(nn.Embedding(c, 3) for c in cardinalities)
        self.layers = nn.Sequential(
            nn.Linear(n_numeric + 3 * len(cardinalities), width), nn.SiLU(), nn.Dropout(0.1),
            nn.BatchNorm1d(width), nn.Linear(width, k * n_outputs),
        )
        self.k = k

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        parts = [embedding(x_cat[:, i]) for i, embedding in enumerate(self.embeddings)]
        output = self.layers(torch.cat([x_num, *parts], dim=1))
        return output.unflatten(1, (self.k, -1)) if self.k > 1 else output


def make_model_and_optimizer(
    n_numeric: int, cardinalities: list[int], n_outputs: int, numeric_quantiles: Tensor, *,
    width: Annotated[int, 4, 64, "log"] = 16, k: Annotated[int, 1, 4] = 1,
    batch_size: Annotated[int, 16, 128] = 64, max_epochs: Annotated[int, 1, 50] = 4,
    ema_decay: Annotated[float, 0.0, 0.99] = 0.9,
):
    """A network."""
    model = Net(n_numeric, cardinalities, n_outputs, width, k, numeric_quantiles)
    return model, torch.optim.AdamW(model.parameters(), lr=1e-2)
'''
ARGUMENTS = {"width": 16, "k": 2, "batch_size": 64, "max_epochs": 4, "ema_decay": 0.9}


@pytest.mark.slow
def test_a_training_tells_all_that_is_recorded(worker: Worker) -> None:
    outcome = worker.run(Job(kind="train", source=SOURCE, arguments=ARGUMENTS))
    assert (outcome.status, outcome.error, outcome.stage) == ("ok", "", "")
    assert outcome.outputs is not None
    assert (outcome.outputs.shape, outcome.outputs.dtype) == ((100, 1), np.float32)
    assert outcome.weights
    assert [epoch.number for epoch in outcome.curve] == [1, 2, 3, 4]
    assert 1 <= outcome.best_epoch <= 4
    assert outcome.stopped == "epochs"
    assert outcome.parameters == 15 + (7 * 16 + 16) + 32 + (16 * 2 + 2)
    assert outcome.seconds > 0
    assert outcome.peak_memory_bytes > 1 << 20
    assert {"max_epochs=4", "fused steps of AdamW"} <= set(outcome.notes)


@pytest.mark.slow
def test_a_training_is_repeated_to_the_bit(worker: Worker, sandbox: Sandbox, bundle: Path) -> None:
    job = Job(kind="train", source=SOURCE, arguments=ARGUMENTS, seed=3)
    other = sandbox.open(bundle)
    try:
        outcomes = [worker.run(job), worker.run(job), other.run(job)]
    finally:
        other.close()
    assert len({outcome.weights for outcome in outcomes}) == 1
    for outcome in outcomes[1:]:
        np.testing.assert_array_equal(outcomes[0].outputs, outcome.outputs)
    changed = worker.run(Job(kind="train", source=SOURCE, arguments=ARGUMENTS, seed=4))
    assert changed.weights != outcomes[0].weights


@pytest.mark.slow
def test_a_set_has_the_same_order_in_each_worker(worker: Worker, sandbox: Sandbox, bundle: Path) -> None:
    job = Job(kind="train", source=sample_source(construct="print({'a', 'b', 'c', 'd', 'e', 'f'})"))
    other = sandbox.open(bundle)
    try:
        assert worker.run(job).stdout == other.run(job).stdout != ""
    finally:
        other.close()


def test_kept_weights_predict_what_the_training_predicted(worker: Worker) -> None:
    trained = worker.run(Job(kind="train", source=SOURCE, arguments=ARGUMENTS))
    predicted = worker.run(
        Job(kind="predict", source=SOURCE, arguments=ARGUMENTS, weights=trained.weights, seed=99)
    )
    assert (predicted.status, predicted.error) == ("ok", "")
    np.testing.assert_array_equal(predicted.outputs, trained.outputs)


@pytest.mark.parametrize("weights", [b"", b"junk", b"\xff" * 64])
def test_weights_that_are_none_are_an_error(worker: Worker, weights: bytes) -> None:
    outcome = worker.run(Job(kind="predict", source=SOURCE, arguments=ARGUMENTS, weights=weights))
    assert outcome.status == "error"
    assert outcome.stage == "construct"


def test_weights_of_another_width_are_an_error(worker: Worker) -> None:
    trained = worker.run(Job(kind="train", source=SOURCE, arguments=ARGUMENTS))
    wider = ARGUMENTS | {"width": 32}
    outcome = worker.run(Job(kind="predict", source=SOURCE, arguments=wider, weights=trained.weights))
    assert outcome.status == "error"
    assert "size mismatch" in outcome.error


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_classes_are_trained(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    worker = sandbox.open(write_sample_bundle(tmp_path / kind, kind))
    try:
        outcome = worker.run(Job(kind="train", source=SOURCE, arguments=ARGUMENTS | {"max_epochs": 15}))
    finally:
        worker.close()
    assert outcome.status == "ok", outcome.error
    assert outcome.outputs is not None
    assert outcome.outputs.shape[1] == (3 if kind == "multiclass" else 1)
    assert outcome.curve[-1].inner_loss < 0.8 * outcome.curve[0].inner_loss


def test_a_dry_run_checks_each_point(worker: Worker) -> None:
    points = (ARGUMENTS, ARGUMENTS | {"width": 4}, ARGUMENTS | {"k": 1})
    outcome = worker.run(Job(kind="dry_run", source=SOURCE, points=points))
    assert outcome.status == "ok"
    assert [check.arguments for check in outcome.checks] == list(points)
    assert all(check.parameters and not check.error for check in outcome.checks)
    assert all(0 < check.row_s < 1 for check in outcome.checks)


def test_a_dry_run_says_at_which_point_it_fails(worker: Worker) -> None:
    source = sample_source(construct="if batch_size == 8: raise ValueError('eight')")
    points = ({"batch_size": 4}, {"batch_size": 8}, {"batch_size": 16})
    outcome = worker.run(Job(kind="dry_run", source=source, points=points))
    assert [check.rule for check in outcome.checks] == ["", "exception", ""]
    assert "eight" in outcome.checks[1].error
    assert outcome.checks[1].line is not None
    assert [check.row_s > 0 for check in outcome.checks] == [True, False, True]


def test_a_training_that_is_pruned_says_so_and_predicts(worker: Worker) -> None:
    job = Job(kind="train", source=SOURCE, arguments=ARGUMENTS, prune=((1, 1e9), (2, 0.0), (3, 0.0)))
    outcome = worker.run(job)
    assert (outcome.status, outcome.stopped, len(outcome.curve)) == ("ok", "pruned", 2)
    again = worker.run(Job(kind="train", source=SOURCE, arguments=ARGUMENTS, stop_after_epoch=2))
    np.testing.assert_array_equal(outcome.outputs, again.outputs)


def test_a_dry_run_that_hangs_names_the_point(worker: Worker) -> None:
    source = sample_source(construct="while batch_size == 8: pass")
    points = ({"batch_size": 4}, {"batch_size": 8})
    outcome = worker.run(Job(kind="dry_run", source=source, points=points, timeout_s=2.0))
    assert outcome.status == "timeout"
    assert [(check.arguments["batch_size"], check.rule) for check in outcome.checks] == [(4, ""), (8, "time")]


def test_the_clock_of_a_job_stops_its_training(worker: Worker) -> None:
    source = sample_source(forward="import time; time.sleep(0.02); return self.layer(x_num)")
    outcome = worker.run(Job(kind="train", source=source, arguments={"max_epochs": 10**6}, train_s=0.5))
    assert (outcome.status, outcome.stopped) == ("ok", "time")
    assert outcome.seconds < 5


@pytest.mark.slow
def test_a_closed_worker_says_so(sandbox: Sandbox, bundle: Path) -> None:
    worker = sandbox.open(bundle)
    worker.close()
    worker.close()
    with pytest.raises(SandboxError, match="closed"):
        worker.run(Job(kind="train", source=SOURCE, arguments=ARGUMENTS))


def test_a_bundle_that_is_none_is_a_fault_of_the_host(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"bundle .* cannot be read"):
        sandbox.open(tmp_path)
    write_sample_bundle(tmp_path)
    (tmp_path / "train_num.npy").write_bytes(b"not an array")
    with pytest.raises(SandboxError, match=r"bundle .* cannot be read"):
        sandbox.open(tmp_path)


def test_a_bundle_with_a_file_cut_short_is_a_fault_of_the_host(sandbox: Sandbox, tmp_path: Path) -> None:
    write_sample_bundle(tmp_path)
    file = tmp_path / "train_num.npy"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(SandboxError, match=r"train_num.npy has \d+ bytes"):
        sandbox.open(tmp_path)


def test_a_dry_run_that_asks_for_too_much_memory_is_told_from_one_that_raises(worker: Worker) -> None:
    for statement, rule in (("torch.empty(1 << 50)", "memory"), ("raise KeyError", "exception")):
        job = Job(kind="dry_run", source=sample_source(construct=statement), points=({"batch_size": 8},))
        assert [check.rule for check in worker.run(job).checks] == [rule]


@pytest.mark.parametrize(
    "point",
    [b"", b"12345", struct.pack("<Iddd", 0, 1.0, 1.0, 1.0), struct.pack("<Iddd", 1, math.nan, math.inf, 1.0)],
)
def test_a_point_that_is_none_costs_a_training_nothing(worker: Worker, point: bytes) -> None:
    told: list[Epoch] = []
    frame = b"P" + struct.pack("<I", len(point)) + point
    forward = "x_cat: Tensor) -> Tensor:\n"
    source = SOURCE.replace(forward, f"{forward}        import os; os.write(3, {frame!r})\n")
    outcome = worker.run(Job(kind="train", source=source, arguments=ARGUMENTS, passed=told.append))
    assert (outcome.status, outcome.error) == ("ok", "")
    assert all(epoch == outcome.curve[epoch.number - 1] for epoch in told)


def test_a_training_tells_where_it_is_while_it_goes_on(worker: Worker) -> None:
    told: list[tuple[Epoch, float]] = []

    def passed(epoch: Epoch) -> None:
        told.append((epoch, time.monotonic()))

    forward = "x_cat: Tensor) -> Tensor:\n"
    slow = SOURCE.replace(forward, f"{forward}        import time; time.sleep(0.03)\n")
    outcome = worker.run(
        Job(kind="train", source=slow, arguments=ARGUMENTS | {"max_epochs": 8}, passed=passed)
    )
    assert outcome.status == "ok", outcome.error
    assert len(told) > 1
    assert [epoch for epoch, _ in told] == [outcome.curve[epoch.number - 1] for epoch, _ in told]
    assert told[-1][1] - told[0][1] > 0.4, "they came together"
