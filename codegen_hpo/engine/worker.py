"""Workers that are opened when they are first needed, or in the background shortly before."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import LifoQueue

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello, Worker


class LazyWorker:
    """Opens the real worker at the first job: a replayed run needs none.

    Args:
        met: told what the worker said of itself, before its first job.
    """

    def __init__(self, open_worker: Callable[[], Worker], met: Callable[[Hello], None]) -> None:
        self._open, self._met = open_worker, met
        self._worker: Worker | None = None
        self._spare: _Spare | None = None
        self._closed = False

    @property
    def hello(self) -> Hello:
        return self._started().hello

    def warm(self) -> None:
        """Begins to open the worker, for whoever is about to wait for something else."""
        if self._worker is None and self._spare is None:
            self._spare = _Spare(self._open)

    def run(self, job: Job) -> Outcome:
        """The job's outcome. Raises SandboxError, also when another thread closes the worker meanwhile."""
        worker = self._started()
        if self._closed:  # while it was opened
            worker.close()
        outcome = worker.run(job)
        if self._closed:  # that the job was killed is not its own fault
            raise SandboxError("the sandbox worker was closed at work")
        return outcome

    def close(self) -> None:
        self._closed = True
        spare, self._spare = self._spare, None
        if spare:
            with suppress(SandboxError):  # nobody needed it
                spare.take().close()
        if self._worker:
            self._worker.close()
            self._worker = None

    def _started(self) -> Worker:
        if self._worker is None:
            self._worker = self._opened()
            self._met(self._worker.hello)
        return self._worker

    def _opened(self) -> Worker:
        """The one that was opened ahead, if it could be: it may have starved beside the trials of others."""
        spare, self._spare = self._spare, None
        if spare:
            try:
                return spare.take()
            except SandboxError:
                if self._closed:
                    raise
        return self._open()


class Crew:
    """The workers of one candidate, as many as trials run at once.

    Args:
        open_worker: opens one.
        met: told what each said of itself; may be called from several threads.
        size: how many.
    """

    def __init__(self, open_worker: Callable[[], Worker], met: Callable[[Hello], None], *, size: int) -> None:
        self._workers = [LazyWorker(open_worker, met) for _ in range(size)]
        self._idle: LifoQueue[LazyWorker] = LifoQueue()
        for worker in reversed(self._workers):
            self._idle.put(worker)

    @property
    def first(self) -> LazyWorker:
        """The worker for what is done one at a time."""
        return self._workers[0]

    @contextmanager
    def taken(self) -> Iterator[LazyWorker]:
        """An idle worker, for as long as it is needed."""
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)

    def warm(self) -> None:
        """Begins to open all workers."""
        for worker in self._workers:
            worker.warm()

    def close(self) -> None:
        for worker in self._workers:
            worker.close()


class Crews:
    """The crews of a run: one a candidate, so that no candidate meets what another left behind.

    Args:
        make: a new crew, none of whose workers is open yet.
    """

    def __init__(self, make: Callable[[], Crew]) -> None:
        self._make = make
        self._lock = threading.Lock()  # trials on fresh seeds ask for theirs from several threads
        self._next: Crew | None = None
        self._of: dict[str, Crew] = {}

    def prepare(self) -> None:
        """Begins to open the workers of the candidate that comes next."""
        if self._next is None:
            self._next = self._make()
            self._next.warm()

    def of(self, candidate: str) -> Crew:
        """The candidate's crew: the one that it has, the one that was prepared, or a new one."""
        with self._lock:
            if candidate not in self._of:
                self._of[candidate], self._next = self._next or self._make(), None
            return self._of[candidate]

    def keep(self, candidate: str) -> None:
        """Closes all crews but this candidate's, if it has one, and the one that was prepared."""
        for name in [name for name in self._of if name != candidate]:
            self._of.pop(name).close()

    def close(self) -> None:
        """Closes all crews."""
        while self._of:
            self._of.popitem()[1].close()
        crew, self._next = self._next, None
        if crew:
            crew.close()


class _Spare:
    """A worker that a thread opens."""

    def __init__(self, open_worker: Callable[[], Worker]) -> None:
        self._open = open_worker
        self._worker: Worker | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self) -> Worker:
        """The worker, once it is open. Raises what opening it raised."""
        self._thread.join()
        if self._error:
            raise self._error
        assert self._worker is not None
        return self._worker

    def _run(self) -> None:
        try:
            self._worker = self._open()
        except Exception as error:  # whatever it is, it is the taker's
            self._error = error
