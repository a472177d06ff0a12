"""Which calls of an objective run now, so that they can be ended from another thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from codegen_hpo.objective.base import Abandoned

Kill = Callable[[], None]


class UnderWay:
    """What can kill each call that runs. After `abandon` nothing begins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._abandoned = False
        self._kills: dict[object, Kill] = {}

    @contextmanager
    def call(self) -> Iterator[Callable[[Kill], None]]:
        """What is given the call's kill once it has begun. Raises Abandoned at the end, if it was killed."""
        key = object()

        def begun(kill: Kill) -> None:
            with self._lock:
                self._kills[key] = kill
                if self._abandoned:
                    kill()

        try:
            yield begun
        finally:
            with self._lock:
                self._kills.pop(key, None)
        if self._abandoned:
            raise Abandoned

    def abandon(self) -> None:
        """Kills what runs, and lets nothing else begin."""
        with self._lock:
            self._abandoned = True
            for kill in self._kills.values():
                kill()
