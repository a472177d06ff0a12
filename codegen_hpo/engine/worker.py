"""Workers that are opened when they are first needed, or in the background shortly before."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
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
            with suppress(Exception):  # why it could not be opened, which nobody needs to know
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


class Team:
    """The workers of one trial: one, or one a fold, each of which sees the bundle of its fold alone.

    Args:
        openers: each opens the worker of a fold.
        met: told what each said of itself; may be called from several threads.
        at_once: how many train side by side.
    """

    def __init__(
        self, openers: Sequence[Callable[[], Worker]], met: Callable[[Hello], None], *, at_once: int = 1
    ) -> None:
        self._workers = [LazyWorker(open_worker, met) for open_worker in openers]
        self._at_once = at_once

    @property
    def hello(self) -> Hello:
        """Of the first fold's worker."""
        return self._workers[0].hello

    def warm(self) -> None:
        """Begins to open all workers."""
        for worker in self._workers:
            worker.warm()

    def run(self, job: Job) -> Outcome:
        """The outcome of a job on the first fold. Raises SandboxError."""
        return self._workers[0].run(job)

    def run_folds(self, jobs: Sequence[Job], first: int = 0) -> list[Outcome]:
        """The outcome of each fold's job, the folds counted from `first`. Raises SandboxError.

        Where one fails there are those up to the first that did: no job is begun after a failure.
        """
        left = deque(range(len(jobs)))
        outcomes: list[Outcome | None] = [None] * len(jobs)
        lock = threading.Lock()

        def next_number() -> int | None:
            with lock:
                failed = any(outcome and outcome.status != "ok" for outcome in outcomes)
                return None if failed or not left else left.popleft()

        def work() -> None:
            while (number := next_number()) is not None:
                outcomes[number] = self._workers[first + number].run(jobs[number])

        places = min(self._at_once, len(jobs))
        if places == 1:
            work()
        else:
            with ThreadPoolExecutor(places, thread_name_prefix="fold") as pool:
                working = [pool.submit(work) for _ in range(places)]
                try:
                    for future in as_completed(working):
                        future.result()
                except BaseException:  # Ctrl-C, or a worker that does not start: the others must not run on
                    left.clear()
                    self.close()
                    raise
        found = [outcome for outcome in outcomes if outcome]
        ends = (number for number, outcome in enumerate(found, 1) if outcome.status != "ok")
        return found[: next(ends, None)]

    def close(self) -> None:
        for worker in self._workers:
            worker.close()


class Crew:
    """The workers of one candidate: a team for each of the trials that run at once.

    Args:
        openers: each opens the worker of a fold.
        met: told what each said of itself; may be called from several threads.
        size: trials at once.
        at_once: folds of a trial that train side by side.
    """

    def __init__(
        self,
        openers: Sequence[Callable[[], Worker]],
        met: Callable[[Hello], None],
        *,
        size: int,
        at_once: int = 1,
    ) -> None:
        self._workers = [Team(openers, met, at_once=at_once) for _ in range(size)]
        self._idle: LifoQueue[Team] = LifoQueue()
        for worker in reversed(self._workers):
            self._idle.put(worker)

    @property
    def first(self) -> Team:
        """The team for what is done one at a time."""
        return self._workers[0]

    @contextmanager
    def taken(self) -> Iterator[Team]:
        """An idle team, for as long as it is needed."""
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
