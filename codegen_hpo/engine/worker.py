"""A worker that is started when it is first needed: a replayed run needs none."""

from collections.abc import Callable

from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello, Worker


class LazyWorker:
    """Opens the real worker at the first job."""

    def __init__(self, open_worker: Callable[[], Worker]) -> None:
        self._open = open_worker
        self._worker: Worker | None = None

    @property
    def hello(self) -> Hello:
        return self._started().hello

    def run(self, job: Job) -> Outcome:
        return self._started().run(job)

    def close(self) -> None:
        if self._worker:
            self._worker.close()
            self._worker = None

    def _started(self) -> Worker:
        if self._worker is None:
            self._worker = self._open()
        return self._worker
