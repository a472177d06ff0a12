"""A sandbox tried out for real: a worker is started and takes one training step."""

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox.base import Sandbox

_SOURCE = """\
import torch

def make_model_and_optimizer(n_numeric, *, learning_rate: float = 0.1):
    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(n_numeric, 1)

        def forward(self, x_num, x_cat):
            return self.layer(x_num)

    model = Line()
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate)
"""


def try_out(sandbox: Sandbox) -> str:
    """One line on a worker that was started and took a step. Raises SandboxError if it could not."""
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        bundle = Path(place) / "bundle"
        _write_tiny(bundle)
        began = time.monotonic()
        worker = sandbox.open(bundle)
        started = time.monotonic()
        try:
            outcome = worker.run(
                Job(kind="dry_run", source=_SOURCE, points=({"learning_rate": 0.1},), timeout_s=60)
            )
            hello = worker.hello
        finally:
            worker.close()
    faults = [check.error for check in outcome.checks if check.error]
    if outcome.status != "ok" or faults:
        raise SandboxError(
            f"the {sandbox.name} sandbox started; a step failed: {outcome.status} {outcome.error or faults}",
            hint="look at the memory and CPU limits of this machine",
        )
    trained_s, device = time.monotonic() - started, hello.cuda or "CPU"
    return (
        f"{sandbox.name}: worker ready in {started - began:.1f} s "
        f"(Python {hello.python}, torch {hello.torch}, {device}), a training step in {trained_s:.2f} s"
    )


def _write_tiny(folder: Path) -> None:
    """A bundle of 16 rows with one numeric column; the files are those of `codegen_hpo.bundle`."""
    folder.mkdir()
    x = np.linspace(-1, 1, 16, dtype=np.float32).reshape(-1, 1)
    none = np.empty((16, 0), np.int64)
    identity = {"formula": "identity", "scale": 1.0, "mean": 0.0, "std": 1.0, "low": -9.0, "high": 9.0}
    target = {"default": "none", "transforms": {name: identity for name in ("none", "log", "sqrt")}}
    meta = {"version": 1, "kind": "regression", "n_numeric": 1, "cardinalities": [], "n_outputs": 1}
    (folder / "meta.json").write_text(json.dumps(meta | {"stop_on": "mse", "target": target}))
    np.save(folder / "quantiles.npy", np.linspace(-1, 1, 65, dtype=np.float32).reshape(1, 65))
    for part in ("train", "inner", "eval"):
        np.save(folder / f"{part}_num.npy", x)
        np.save(folder / f"{part}_cat.npy", none)
    for part in ("train", "inner"):
        np.save(folder / f"{part}_y.npy", x[:, 0].astype(np.float64))
