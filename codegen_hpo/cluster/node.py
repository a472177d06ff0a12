"""What runs on a machine of the cluster: its own sandbox, opened there and kept warm between trials.

Ray runs one task at a time in a process and uses the process again for the next one, so each process keeps
the workers that it opened. A worker trains one function only: none meets what another one left behind.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

from codegen_hpo.cluster.bundle_copy import BundleCopy, Packed
from codegen_hpo.cluster.wire import Reply, write_answer, write_fault
from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.sandbox.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which sandbox the machines are to open, as `choose_sandbox` takes it."""

    sandbox: str
    trusted: bool
    unsafe: bool
    device: str  # "cpu", "auto" or "cuda": Ray says which GPU
    limits: Limits
    most_idle: int  # workers that a process keeps
    version: str  # of codegen-hpo


def answer(wish: Wish, key: str, files: Sequence[Any], job: Job | None) -> Reply:
    """The task: what the job came to on this machine; without a job, what a worker says that waits for one.

    Args:
        key: names the bundle.
        files: Ray's reference to the bundle's files, in a list so that Ray does not fetch them by itself.
    """
    import ray

    try:
        if (own := version("codegen-hpo")) != wish.version:
            raise SandboxError(
                f"codegen-hpo is {own} on a machine of the cluster, here {wish.version}",
                hint="install the same version on all machines",
            )
        context = ray.get_runtime_context()
        device = _device(wish.device, context.get_accelerator_ids().get("GPU", []))
        return _bench(wish).answer(context.get_node_id(), device, key, lambda: ray.get(files[0]), job)
    except SandboxError as error:
        return write_fault(error)


def _device(kind: str, gpus: Sequence[str]) -> str:
    """The device of the task's own GPU.

    Ray names it by its number on the machine. One that has no number, but a name, it shows alone.
    """
    if kind == "cpu" or not gpus:
        return kind
    if not gpus[0].isdigit():
        return f"{kind} {gpus[0]}"
    os.environ.pop(
        "CUDA_VISIBLE_DEVICES", None
    )  # which counts from zero; Ray sets it again for the next task
    return f"{kind}:{gpus[0]}"


class _Idle(NamedTuple):
    """A worker that waits, with what it is for."""

    key: str  # of its bundle
    device: str
    use: str  # see `_use`
    worker: Worker


def _use(job: Job | None) -> str:
    """What a worker is used for: the hash of a function, "predict" for all of them, "" for a greeting."""
    if job is None or job.kind == "predict":
        return job.kind if job else ""
    return hashlib.sha256(job.source.encode()).hexdigest()


class Bench:
    """The sandboxes of one process, and their workers.

    Args:
        choose: makes the sandbox for a device.
        most_idle: workers that wait; those that waited longest are closed.
    """

    def __init__(self, choose: Callable[[str], Sandbox], most_idle: int) -> None:
        self._choose = cache(choose)
        self._most_idle = most_idle
        self._copies: dict[str, BundleCopy] = {}
        self._idle: list[_Idle] = []

    def answer(self, node: str, device: str, key: str, fetch: Callable[[], Packed], job: Job | None) -> Reply:
        """Runs the job in a worker that trained nothing but its function; one of a bundle predicts for all.

        Raises SandboxError.
        """
        use = _use(job)
        taken = self._taken(key, device, use, fetch)
        try:
            outcome = taken.worker.run(job) if job else None
        except BaseException:
            taken.worker.close()
            raise
        self._idle.append(taken._replace(use=use or taken.use))
        while len(self._idle) > self._most_idle:
            self._idle.pop(0).worker.close()
        return write_answer(node, taken.worker.hello, outcome)

    def close(self) -> None:
        """Closes all workers, and lets go of the bundles."""
        while self._idle:
            self._idle.pop().worker.close()
        while self._copies:
            self._copies.popitem()[1].close()

    def _taken(self, key: str, device: str, use: str, fetch: Callable[[], Packed]) -> _Idle:
        fitting = [one for one in self._idle if (one.key, one.device) == (key, device)]
        for known in (use, ""):
            for one in fitting:
                if one.use == known:
                    self._idle.remove(one)
                    return one
        if key not in self._copies:
            try:
                self._copies[key] = BundleCopy(key, fetch)
            except ConnectionError:  # to the machine that has the data
                raise
            except OSError as error:
                raise SandboxError(
                    f"a machine of the cluster cannot keep a copy of the data: {error}",
                    hint="make room on its disk, or set TMPDIR there; then resume the run",
                ) from error
        return _Idle(key, device, "", self._choose(device).open(self._copies[key].folder))


@cache
def _bench(wish: Wish) -> Bench:
    """Of this process."""

    def choose(device: str) -> Sandbox:
        return choose_sandbox(
            wish.sandbox,
            trusted=wish.trusted,
            unsafe=wish.unsafe,
            device=device.split()[0],
            limits=wish.limits,
        )

    return Bench(choose, wish.most_idle)
