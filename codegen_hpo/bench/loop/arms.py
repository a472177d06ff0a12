"""Training loops over the same rows with the same network, each as its own documentation writes it.

An arm trains one pass to warm up and then `passes` more; it returns the seconds of those. Network and
optimiser are made anew for each measurement, outside of the time that is taken.
"""

import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from codegen_hpo.resources import resource

LEARNING_RATE = 1e-3


class Work(NamedTuple):
    """What one measurement trains."""

    x: Tensor  # (rows, columns) float32, on the CPU
    y: Tensor  # (rows,) float32, standardised
    batch_size: int
    width: int
    passes: int
    device: torch.device
    bundle: Path  # the same rows, as a worker reads them


Arm = Callable[[Work], float]


def network(columns: int, width: int) -> nn.Sequential:
    """Two hidden layers."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(columns, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
    )


class _TwoInputs(nn.Module):
    """The network behind the contract's signature."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        output: Tensor = self.layers(x_num)
        return output


def worker_loop(work: Work, *, precision: str = "float32", graphs: bool = True) -> float:
    """The Trainer of the sandbox's worker. Its evaluation of the early-stopping rows is in the time."""
    built = _worker("construct").Built
    model = _TwoInputs(network(work.x.shape[1], work.width)).to(work.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    settings = _worker("settings").Settings(
        batch_size=work.batch_size, max_epochs=1 + work.passes, patience=1 + work.passes, precision=precision
    )
    bundle = _worker("bundle").Bundle(work.bundle)
    training = _worker("training")
    torch.use_deterministic_algorithms(True, warn_only=True)  # as in each trial, and so the next
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        trainer = training.Trainer(
            built(model, optimizer, 0), bundle, settings, work.device, 1, graphs=graphs
        )
        curve = trainer.fit(training.Limits(1e9, None)).curve
    finally:
        torch.use_deterministic_algorithms(False)
    return float(curve[-1].seconds - curve[0].seconds)


def bare(work: Work) -> float:
    """Shuffle once a pass, contiguous slices, fused AdamW, and nothing else."""
    model = network(work.x.shape[1], work.width).to(work.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    x, y = work.x.to(work.device), work.y.unsqueeze(1).to(work.device)

    def one_pass() -> None:
        order = torch.randperm(len(x), device=work.device)
        x_shuffled, y_shuffled = x[order], y[order]
        for start in range(0, len(x), work.batch_size):
            stop = start + work.batch_size
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x_shuffled[start:stop]), y_shuffled[start:stop]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return _timed(one_pass, work)


def data_loader(work: Work) -> float:
    """A DataLoader over a TensorDataset, as PyTorch's tutorials write it."""
    model = network(work.x.shape[1], work.width).to(work.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    loader = _loader(work)

    def one_pass() -> None:
        for x, y in loader:
            optimizer.zero_grad()
            output = model(x.to(work.device))
            nn.functional.mse_loss(output, y.to(work.device)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return _timed(one_pass, work)


def skorch(work: Work) -> float:
    """skorch's NeuralNetRegressor without a validation split and without callbacks."""
    net = import_module("skorch").NeuralNetRegressor(
        network(work.x.shape[1], work.width),
        optimizer=torch.optim.AdamW,
        lr=LEARNING_RATE,
        batch_size=work.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks="disable",
        verbose=0,
        device=work.device.type,
    )
    net.initialize()
    x, y = work.x.numpy(), work.y.unsqueeze(1).numpy()
    return _timed(lambda: net.partial_fit(x, y, epochs=1), work)


def lightning(work: Work) -> float:
    """A LightningModule and its Trainer, without logger, checkpoints and progress bar."""
    pl = import_module("lightning")
    layers = network(work.x.shape[1], work.width)
    ends: list[float] = []

    class Module(pl.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def training_step(self, batch: list[Tensor]) -> Tensor:
            x, y = batch
            return nn.functional.mse_loss(self.layers(x), y)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=LEARNING_RATE)

        def on_train_epoch_end(self) -> None:
            _wait(work.device)
            ends.append(time.perf_counter())

    trainer = pl.Trainer(
        max_epochs=1 + work.passes,
        accelerator="gpu" if work.device.type == "cuda" else "cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), _loader(work))
    return sum(stop - start for start, stop in pairwise(ends))


def installed(name: str) -> bool:
    """Whether the library of an arm can be imported."""
    return find_spec(name) is not None


def _loader(work: Work) -> "DataLoader[Any]":
    rows = TensorDataset(work.x, work.y.unsqueeze(1))
    return DataLoader(rows, batch_size=work.batch_size, shuffle=True)


def _timed(one_pass: Callable[[], object], work: Work) -> float:
    one_pass()
    _wait(work.device)
    started = time.perf_counter()
    for _ in range(work.passes):
        one_pass()
    _wait(work.device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _worker(module: str) -> Any:
    """A module of the worker, which knows its neighbours by their bare names."""
    folder = str(resource("sandbox") / "worker")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return import_module(module)


def arms(device: str) -> Iterator[tuple[str, Arm]]:
    """The arms that this interpreter can run on the device, the standard of comparison first."""
    yield "DataLoader", data_loader
    yield "bare", bare
    if device == "cuda":
        yield "ours, eager", lambda work: worker_loop(work, graphs=False)
        yield "ours, graph", worker_loop
    else:
        yield "ours", worker_loop
    yield "ours, bfloat16", lambda work: worker_loop(work, precision="bfloat16")
    if installed("skorch"):
        yield "skorch", skorch
    if installed("lightning"):
        yield "Lightning", lightning
