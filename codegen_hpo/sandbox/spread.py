"""Several GPUs: one sandbox each, whose workers are handed out in turn."""

import threading
from collections.abc import Sequence
from pathlib import Path

from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello, Sandbox, Worker


class Spread:
    """A sandbox whose workers are those of several, each of them from the one that has the fewest open.

    Args:
        places: one for each GPU, the same back end; that of the first is its name.
    """

    def __init__(self, places: Sequence[Sandbox]) -> None:
        self.name = places[0].name
        self._places = places
        self._open = [0] * len(places)
        self._lock = threading.Lock()

    def open(self, bundle: Path) -> Worker:
        """A warm worker; see `base.Sandbox`."""
        with self._lock:
            place = self._open.index(min(self._open))
            self._open[place] += 1
        try:
            return _Counted(self._places[place].open(bundle), self, place)
        except BaseException:
            self.gone(place)
            raise

    def gone(self, place: int) -> None:
        """A worker of that place is closed."""
        with self._lock:
            self._open[place] -= 1


class _Counted:
    """A worker that says when it is closed."""

    def __init__(self, worker: Worker, spread: Spread, place: int) -> None:
        self._worker, self._spread, self._place = worker, spread, place
        self._closed = False

    @property
    def hello(self) -> Hello:
        return self._worker.hello

    def run(self, job: Job) -> Outcome:
        return self._worker.run(job)

    def close(self) -> None:
        self._worker.close()
        if not self._closed:
            self._closed = True
            self._spread.gone(self._place)
