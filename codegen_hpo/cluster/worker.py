"""The place of one job at a time in a Ray cluster."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from codegen_hpo.cluster.connection import Needs, living_nodes
from codegen_hpo.cluster.faults import LostError, answering, require_connection
from codegen_hpo.cluster.wire import Answer, read_reply
from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.outcome import Shape

_LOOK_S = 5.0  # between looks at the cluster while a task waits
PATIENCE_S = 300.0  # for a machine that could run a task, which an autoscaler starts, or for a place on one


class Greeting:
    """What the first of a run's workers that was asked said of itself: it stands for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hello: Hello | None = None

    def of(self, ask: Callable[[], Hello]) -> Hello:
        """What was said, or else what `ask` gets to hear."""
        with self._lock:
            if self._hello is None:
                self._hello = ask()
            return self._hello


class Pulse:
    """When a task of the run ended last: while some do, the others wait for their places."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def beat(self) -> None:
        self.last = time.monotonic()


class RayWorker:
    """Runs jobs in the cluster, one after the other; see `sandbox.base.Worker`.

    Args:
        start: begins the task for a job, and gives Ray's reference to its reply.
        shape: of the outputs of a job.
        needs: of a job.
        greeting: shared by the run's workers.
        pulse: shared by them, too.
    """

    def __init__(
        self,
        start: Callable[[Job | None], Any],
        shape: Shape,
        needs: Needs,
        greeting: Greeting,
        pulse: Pulse,
    ) -> None:
        self._start, self._shape, self._needs = start, shape, needs
        self._greeting, self._pulse = greeting, pulse
        self._warming = start(None)  # where there is room, a machine opens its sandbox already
        self._running: Any = None
        self._closed = False
        self._hello: Hello | None = None

    @property
    def hello(self) -> Hello:
        """Of the machine that ran the last job; of any, which is waited for, before. Raises SandboxError."""
        if self._hello is None:
            self._hello = self._greeting.of(self._greeted)
        return self._hello

    def run(self, job: Job) -> Outcome:
        """The outcome of a job. One whose machine dies is tried once more on another.

        Raises SandboxError.
        """
        try:
            told, lost = self._twice(job)
        except LostError as error:
            return Outcome(status="killed", error=str(error), device=job.device)
        self._hello = told.hello
        assert told.outcome is not None
        where = f"on node {told.node[:6]} in {told.hello.sandbox}"
        return replace(told.outcome, notes=(*told.outcome.notes, where, *lost))

    def close(self) -> None:
        """Ends the job that is under way, with its process."""
        self._closed = True
        self._cancel(self._running)
        self._cancel(self._warming)

    def _greeted(self) -> Hello:
        try:
            hello = self._twice(None)[0].hello
        except LostError as error:
            raise SandboxError(f"no sandbox worker starts in the cluster: {error}") from error
        with answering():
            count = len(living_nodes())
        where = f"in a Ray cluster of {count} {'machine' if count == 1 else 'machines'}"
        return replace(hello, notices=(*hello.notices, where))

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
            with answering():
                self._running = self._begun(job)
                if self._closed:  # meanwhile, by another thread
                    self._cancel(self._running)
                self._await(PATIENCE_S + (job.timeout_s if job else 0.0))
                return read_reply(ray.get(self._running), self._shape)
        except LostError as error:
            if self._closed:  # it was ended
                raise SandboxError("the sandbox worker was closed at work") from error
            raise
        except SandboxError:
            raise
        except BaseException:  # Ctrl-C: the job must not run on
            self._cancel(self._running)
            raise
        finally:
            self._running = None
            self._pulse.beat()

    def _begun(self, job: Job | None) -> Any:
        """The task for a job; for a greeting the one that was begun when the worker was opened."""
        if job:
            return self._start(replace(job, passed=None))  # nothing comes back before its end
        warming, self._warming = self._warming, None
        return self._start(None) if warming is None else warming

    def _await(self, longest_s: float) -> None:
        """Returns when the task has ended.

        Args:
            longest_s: that it may take while no other task of the run ends, either.

        Raises:
            SandboxError: no machine can run it, or none has a place for it.
        """
        import ray

        began = time.monotonic()
        could = began  # when a machine was there that could run it
        while not ray.wait([self._running], timeout=_LOOK_S)[0]:
            now = time.monotonic()
            require_connection()
            if any(map(self._needs.fit, living_nodes())):
                could = now
            if now - could > PATIENCE_S:
                self._give_up(f"no machine of the cluster has {self._needs.text()}")
            if now - max(began, self._pulse.last) > longest_s:
                self._give_up(
                    f"for {longest_s:.0f} s the cluster had no place for a trial of {self._needs.text()}"
                )

    def _give_up(self, reason: str) -> None:
        self._cancel(self._running)
        raise SandboxError(reason, hint="the run can be resumed when the cluster has room")

    def _cancel(self, task: Any) -> None:
        """Ends the task, if there is one and the cluster is there: without a driver, it ends them all."""
        import ray

        if task is not None:
            with suppress(SandboxError, LostError), answering():
                ray.cancel(task, force=True)
