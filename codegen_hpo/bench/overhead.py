"""What a sandbox costs a trial: the same small training, bare, in warm workers and in cold ones.

"Bare" is a process that has torch imported and calls the training directly, again and again: the trial's own
work, with no child, guard or pipe around it. All ways take turns, so that a busy machine slows them alike.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.resources import resource
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.sandbox.environment import worker_environment
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.protocol import encode_job
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import sample_source

JOB = Job(kind="train", source=sample_source(), arguments={"max_epochs": 3})

_BARE = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import child, frames, json, torch, torch._dynamo
from bundle import Bundle
bundle, nowhere = Bundle(Path(sys.argv[2])), os.open(os.devnull, os.O_WRONLY)
while True:
    job, weights = json.loads(frames.read(0).payload), frames.read(0).payload
    began = time.perf_counter()
    child.run(job, weights, bundle, nowhere)
    print(time.perf_counter() - began, flush=True)
"""


@dataclass(slots=True)
class Way:
    """One way to run the trial, with the seconds that were measured."""

    name: str  # "bare", "docker warm", "docker cold"
    first_s: float | None = None  # from nothing to the first result
    trials_s: list[float] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        return statistics.median(self.trials_s)


def measure_overhead(sandboxes: Sequence[Sandbox], folder: Path, *, trials: int, cold: int) -> list[Way]:
    """The ways, bare first: each trial `trials` times warm and `cold` times cold.

    Args:
        folder: an empty folder for the bundle: 400 rows, a linear model, three epochs.

    Raises:
        SandboxError: a worker does not start, or the trial fails in it.
    """
    bundle = write_sample_bundle(folder / "bundle")
    with ExitStack() as stack:
        bare = Way("bare")
        runs: list[tuple[Way, Callable[[], float]]] = [(bare, stack.enter_context(_bare(bundle)))]
        for sandbox in sandboxes:
            began = time.perf_counter()
            worker = stack.enter_context(closing(sandbox.open(bundle)))
            _timed(worker)
            first_s = time.perf_counter() - began
            runs.append((Way(f"{sandbox.name} warm", first_s), partial(_timed, worker)))
        for _, run in runs:
            run()  # the first trial of each pays for pages that the later ones share
        for _ in range(trials):
            for way, run in runs:
                way.trials_s.append(run())
    ways = [way for way, _ in runs]
    colds = [Way(f"{sandbox.name} cold") for sandbox in sandboxes]
    for _ in range(cold):
        for way, sandbox in zip(colds, sandboxes, strict=True):
            way.trials_s.append(_cold(sandbox, bundle))
    return ways + colds


def _timed(worker: Worker) -> float:
    began = time.perf_counter()
    outcome = worker.run(JOB)
    if outcome.status != "ok":
        raise SandboxError(f"the trial of the benchmark failed: {outcome.status} {outcome.error}")
    return time.perf_counter() - began


def _cold(sandbox: Sandbox, bundle: Path) -> float:
    began = time.perf_counter()
    with closing(sandbox.open(bundle)) as worker:
        _timed(worker)
    return time.perf_counter() - began


@contextmanager
def _bare(bundle: Path) -> Iterator[Callable[[], float]]:
    """What runs the trial once in a process of its own; the seconds are taken in there."""
    command = [sys.executable, "-s", "-P", "-c", _BARE, str(resource("sandbox") / "worker"), str(bundle)]
    frames = encode_job(JOB, Limits(), limit_memory=False, output_bytes=400)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=worker_environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def run() -> float:
            stdin.write(frames)
            stdin.flush()
            return float(stdout.readline())

        try:
            yield run
        finally:
            process.kill()
