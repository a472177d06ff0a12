"""A sandbox whose jobs are tasks of a Ray cluster, each on whichever machine has room for it."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from codegen_hpo.cluster.bundle_copy import forget, pack
from codegen_hpo.cluster.connection import Needs, living_nodes, node_ids
from codegen_hpo.cluster.node import Wish, answer
from codegen_hpo.cluster.wire import Answer, read_reply
from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.bundle_facts import read_bundle_facts
from codegen_hpo.sandbox.outcome import Shape

_LOOK_S = 5.0  # between looks at the cluster while a task waits
PATIENCE_S = 300.0  # for a machine that could run a task: an autoscaler starts them
_FORGET_S = 10.0  # that the end of a run waits until the machines have removed the bundle


class LostError(Exception):
    """A task whose process or machine is gone."""


class RaySandbox:
    """A sandbox on many machines; this process is connected to their cluster.

    Args:
        wish: which sandbox each of them opens.
        needs: of one job.
    """

    def __init__(self, wish: Wish, needs: Needs) -> None:
        import ray

        self.name = wish.sandbox
        self._wish, self._needs = wish, needs
        self._task = ray.remote(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            memory=needs.memory_bytes,
            max_retries=0,  # whether a job is tried again is decided here
            max_calls=0,  # a process that had a GPU is used again, too: it never touches the GPU itself
        )(answer)
        self._lock = threading.Lock()
        self._bundles: dict[Path, tuple[str, list[Any]]] = {}
        self._hello: Hello | None = None

    def open(self, bundle: Path) -> "RayWorker":
        """A worker; see `base.Sandbox`. The first one waits until a machine has opened its sandbox."""
        import ray

        shape = read_bundle_facts(bundle).shape
        with self._lock, _answering():
            if bundle not in self._bundles:
                self._bundles[bundle] = secrets.token_hex(16), [ray.put(pack(bundle))]
            key, files = self._bundles[bundle]
            start = partial(self._task.remote, self._wish, key, files)
            if self._hello is None:
                hello = RayWorker(start, shape, self._needs, None).hello
                count = len(living_nodes())
                where = f"in a Ray cluster of {count} {'machine' if count == 1 else 'machines'}"
                self._hello = replace(hello, notices=(*hello.notices, where))
        return RayWorker(start, shape, self._needs, self._hello)

    def close(self) -> None:
        """Has the bundles removed from the machines."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        try:
            tasks = [
                ray.remote(
                    num_cpus=0,
                    max_retries=0,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
                )(forget).remote(key)
                for node in node_ids()
                for key, _ in self._bundles.values()
            ]
            ray.wait(tasks, num_returns=len(tasks), timeout=_FORGET_S) if tasks else None
        except (ray.exceptions.RayError, ConnectionError, OSError):
            pass  # of a cluster that is gone: the next run there removes what is left
        self._bundles.clear()


class RayWorker:
    """The place of one job at a time in the cluster; see `sandbox.base.Worker`.

    Args:
        start: begins the task for a job, and gives Ray's reference to its reply.
        shape: of the outputs of a job.
        needs: of a job.
        hello: what a worker of the cluster said; None asks for one.
    """

    def __init__(
        self, start: Callable[[Job | None], Any], shape: Shape, needs: Needs, hello: Hello | None
    ) -> None:
        self._start, self._shape, self._needs = start, shape, needs
        self._running: Any = None
        self._closed = False
        self.hello = hello or self._greeting()

    def run(self, job: Job) -> Outcome:
        """The outcome of a job. One whose machine dies is tried once more on another.

        Raises SandboxError.
        """
        try:
            told, lost = self._twice(job)
        except LostError as error:
            return Outcome(status="killed", error=str(error), device=job.device)
        self.hello = told.hello
        assert told.outcome is not None
        notes = (*told.outcome.notes, f"on node {told.node[:6]}", *lost)
        return replace(told.outcome, notes=notes)

    def close(self) -> None:
        """Ends the job that is under way, with its process."""
        self._closed = True
        self._cancel()

    def _greeting(self) -> Hello:
        try:
            return self._twice(None)[0].hello
        except LostError as error:
            raise SandboxError(f"no sandbox worker starts in the cluster: {error}") from error

    def _twice(self, job: Job | None) -> tuple[Answer, tuple[str, ...]]:
        """The answer, and a note if it is that of a second task. Raises LostError."""
        try:
            return self._answer(job), ()
        except LostError as error:
            first = str(error)
        try:
            return self._answer(job), (f"tried again: {first}",)
        except LostError as error:
            raise LostError(f"{first}; tried again: {error}") from error

    def _answer(self, job: Job | None) -> Answer:
        import ray

        if self._closed:
            raise SandboxError("the sandbox worker is closed; open another one")
        try:
            with _answering():
                self._running = self._start(job)
                if self._closed:  # meanwhile, by another thread
                    self._cancel()
                self._await()
                return read_reply(ray.get(self._running), self._shape)
        except _lost() as error:
            if self._closed:  # it was ended
                raise SandboxError("the sandbox worker was closed at work") from error
            raise LostError(_said(error)) from error
        except SandboxError:
            raise
        except BaseException:  # Ctrl-C: the job must not run on
            self._cancel()
            raise
        finally:
            self._running = None

    def _await(self) -> None:
        """Returns when the task has ended. Raises SandboxError if no machine can run it."""
        import ray

        since: float | None = None  # there is none
        while not ray.wait([self._running], timeout=_LOOK_S)[0]:
            if any(map(self._needs.fit, living_nodes())):
                since = None
                continue
            since = since or time.monotonic()
            if time.monotonic() - since > PATIENCE_S:
                self._cancel()
                raise SandboxError(
                    f"no machine of the cluster has {self._needs.text()}",
                    hint="the run can be resumed when there is one",
                )

    def _cancel(self) -> None:
        import ray

        running = self._running
        if running is not None:
            ray.cancel(running, force=True)


@contextmanager
def _answering() -> Iterator[None]:
    """Makes a SandboxError of what is wrong with the cluster, but for a task that is lost."""
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError as error:
        raise SandboxError(
            f"a machine of the cluster failed: {' '.join(str(error.cause or error).split())[-500:]}",
            hint="install the same versions of codegen-hpo and Python on all machines",
        ) from error
    except _lost():
        raise
    except (RayError, ConnectionError) as error:
        raise SandboxError(
            f"the Ray cluster does not answer: {' '.join(str(error).split())[:300]}",
            hint="the run can be resumed when it does",
        ) from error


def _lost() -> tuple[type[Exception], ...]:
    """What Ray raises for a task whose process, machine or memory is gone."""
    from ray import exceptions

    return (
        exceptions.NodeDiedError,
        exceptions.LocalRayletDiedError,
        exceptions.WorkerCrashedError,
        exceptions.OutOfMemoryError,
        exceptions.ObjectLostError,
        exceptions.TaskCancelledError,
    )


def _said(error: Exception) -> str:
    from ray import exceptions

    if isinstance(error, exceptions.NodeDiedError | exceptions.LocalRayletDiedError):
        return "the node died"
    if isinstance(error, exceptions.OutOfMemoryError):
        return "the node ran out of memory, and Ray ended the process"
    if isinstance(error, exceptions.ObjectLostError):
        return "the result was lost with its node"
    return "the process died"
