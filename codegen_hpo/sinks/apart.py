"""A tracker on a thread of its own, so that it neither slows a run nor ends it."""

import logging
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol

from codegen_hpo.records import Event
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.shown import without_password

_log = logging.getLogger(__name__)
CLOSE_S = 30.0  # that the end of a run waits for a tracker that gets no further
_TOLD_BYTES = 400  # of what went wrong


class Tracker(Protocol):
    """Writes a run down elsewhere; may take its time and may raise.

    It is told each event that the run has, also those of earlier sessions, and writes none of them twice.
    """

    def receive(self, event: Event) -> None:
        """Writes down what it has not yet."""

    def close(self) -> None:
        """Lets go of what it writes to."""


class Apart:
    """A sink that hands its events to a tracker, until the tracker fails for the first time.

    Args:
        label: names the tracker in what is said of it.
        make: opens the tracker; called on the thread.
        past: events to tell it before those that come.
        close_s: how long `close` waits while it gets no further.
    """

    def __init__(
        self, label: str, make: Callable[[], Tracker], past: Sequence[Event] = (), *, close_s: float = CLOSE_S
    ) -> None:
        self._label, self._make, self._close_s = label, make, close_s
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._failed = threading.Event()
        self._written = 0  # events
        for event in past:
            self._events.put(event)
        self._thread = threading.Thread(target=self._follow, name=f"sink {label}", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def receive(self, event: Event) -> None:
        """Takes note; the thread does the rest."""
        if not self._failed.is_set():
            self._events.put(event)

    def close(self) -> None:
        """Waits until all is written, but for nothing that hangs."""
        self._events.put(None)
        written = -1
        while self._thread.is_alive() and written != self._written:
            written = self._written
            self._thread.join(self._close_s)
        if self._thread.is_alive():
            self._say(f"has got no further for {self._close_s:.0f} s")

    def _follow(self) -> None:
        try:
            tracker = self._make()
            try:
                while (event := self._events.get()) is not None:
                    tracker.receive(event)
                    self._written += 1
            finally:
                tracker.close()
        except (
            Exception
        ) as error:  # of a package or a server: whatever it is, the run has nothing to do with it
            self._say(f"failed: {type(error).__name__}: {error}")

    def _say(self, what: str) -> None:
        """Says once why the tracker has not all of the run."""
        if not self._failed.is_set():
            self._failed.set()
            _log.warning(
                "the sink %s %s. The run goes on without it; resumed with the same sink, it is caught up",
                self._label,
                short(without_password(" ".join(what.split())), _TOLD_BYTES),
            )
