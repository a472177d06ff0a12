"""A sandbox tried out for real: one training step, or every promise of its wall."""

import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.sandbox.warm import WALLED

_VARIABLE = "CODEGEN_HPO_PLANTED"
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

_SEARCH = """\
import os
    pages = []
    for entry in [str(pid) for pid in (os.getpid(), os.getppid(), 1)]:
        try:
            pages.append(open(f"/proc/{{entry}}/environ").read())
        except OSError:
            pass
    pages.append("PLANTED=" + os.environ.get("CODEGEN_HPO_PLANTED", ""))
    found = [page.partition("PLANTED=")[2][:32] for page in pages]
    print("environment: " + "".join(found))
    try:
        print("file: " + open({path!r}).read())
    except OSError:
        print("file: ")
"""


class Probe(NamedTuple):
    """One line of a check."""

    name: str  # "starts", "network"
    ok: bool
    found: str


def try_out(sandbox: Sandbox) -> str:
    """One line on a worker that was started and took a step. Raises SandboxError if it could not."""
    with _opened(sandbox) as (worker, started_s):
        began = time.monotonic()
        step = _step(worker)
        if not step.ok:
            raise SandboxError(
                f"the {sandbox.name} sandbox started; a step failed: {step.found}",
                hint="look at the memory and CPU limits of this machine",
            )
        stepped_s = time.monotonic() - began
        return f"{sandbox.name}: {_ready(worker, started_s)}, a training step in {stepped_s:.2f} s"


def check(sandbox: Sandbox) -> Iterator[Probe]:
    """What a worker of the sandbox lets through and what not, one probe after the other.

    Raises SandboxError when no worker can be started.
    """
    with _planted() as (secret, file), _opened(sandbox) as (worker, started_s):
        yield Probe("starts", True, _ready(worker, started_s))
        yield _step(worker)
        for name in WALLED:
            refused = name in worker.hello.refused
            yield Probe(name, refused, f"{_TRIED[name]}: {'refused' if refused else 'NOT refused'}")
        yield from _secrets(worker, secret, file)
        yield _limit(worker, "time", "while True: pass", "timeout", 2.0)
        yield _limit(worker, "memory", "kept = []\n    while True: kept.append(torch.ones(1 << 22))", "oom")
        yield _limit(worker, "output", "while True: print('x' * 100000)", "killed")
        last = _step(worker)
        yield Probe("lives on", last.ok, f"after all that: {last.found}")


_TRIED = {
    "network": "a socket",
    "process": "a child process",
    "exec": "another program",
    "signals": "a signal to the worker",
    "server": "the worker's memory, environment and pipes",
    "writing": "a file to write",
}


@contextmanager
def _opened(sandbox: Sandbox) -> Iterator[tuple[Worker, float]]:
    """A worker on a tiny bundle, and the seconds that it took to start."""
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        bundle = Path(place) / "bundle"
        _write_tiny(bundle)
        began = time.monotonic()
        with closing(sandbox.open(bundle)) as worker:
            yield worker, time.monotonic() - began


def _ready(worker: Worker, started_s: float) -> str:
    hello = worker.hello
    versions = f"Python {hello.python}, torch {hello.torch}, {hello.cuda or 'CPU'}"
    limit = hello.memory_limit_bytes
    most = "" if limit is None else f", at most {limit / 2**30:.1f} GiB"
    return f"worker ready in {started_s:.1f} s ({versions}{most})"


def _step(worker: Worker) -> Probe:
    outcome = worker.run(Job(kind="dry_run", source=_SOURCE, points=({"learning_rate": 0.1},), timeout_s=60))
    faults = [point.error for point in outcome.checks if point.error]
    ok = outcome.status == "ok" and not faults
    return Probe("trains", ok, "a training step" if ok else f"{outcome.status} {outcome.error or faults}")


def _secrets(worker: Worker, secret: str, file: str) -> Iterator[Probe]:
    """Whether a trial finds the secret in a file of the user, or in the environment of a process it sees."""
    outcome = worker.run(_job(_SEARCH.format(path=file)))
    for name, what in (("file", "a file of the user"), ("environment", "the user's environment")):
        seen = f"{name}: {secret}" in outcome.stdout
        looked = f"{name}: " in outcome.stdout
        found = "NOT hidden" if seen else "hidden" if looked else f"not tried: {outcome.error}"
        yield Probe(name, looked and not seen, f"{what}: {found}")


@contextmanager
def _planted() -> Iterator[tuple[str, str]]:
    """A secret that is in an environment variable, and in a file of the user's home whose path is given."""
    secret = secrets.token_hex(16)
    with tempfile.NamedTemporaryFile("w", prefix=".codegen-hpo-", suffix=".key", dir=Path.home()) as file:
        file.write(secret)
        file.flush()
        os.environ[_VARIABLE] = secret
        try:
            yield secret, file.name
        finally:
            del os.environ[_VARIABLE]


def _limit(worker: Worker, name: str, statement: str, status: str, timeout_s: float = 10.0) -> Probe:
    outcome = worker.run(_job(statement, timeout_s))
    found = f"{outcome.status} after {outcome.seconds:.1f} s"
    return Probe(name, outcome.status == status, f"more than it is given: {found}")


def _job(statement: str, timeout_s: float = 10.0) -> Job:
    source = _SOURCE.replace("    class Line", f"    {statement}\n    class Line")
    return Job(kind="train", source=source, arguments={"learning_rate": 0.1}, timeout_s=timeout_s)


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
