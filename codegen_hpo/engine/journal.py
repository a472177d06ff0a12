"""Effects that happen once: what a run has recorded is not done again.

The engine is written as if it always started from nothing. Whatever costs something (a reply of the model, a
job in the sandbox) goes through `once`: the first time it is done and recorded, after a resume the record
answers. The same loop therefore carries a run on from wherever a kill left it.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from codegen_hpo.records import Event, Sink
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.now import Now


class ClosedError(RuntimeError):
    """Something was to be recorded after the session's end."""


class Journal:
    """A run's events with its clock, which stands still between sessions."""

    def __init__(
        self, folder: RunFolder, sinks: Sequence[Sink] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self._sinks = sinks
        self._clock = clock
        self._lock = threading.RLock()  # trials that run side by side record from threads of their own
        self._live_since: float | None = None
        self._closed = False
        self._now = Now(folder)
        self._elapsed_before = 0.0
        ends = [event.number for event in folder.of_kind("finished", "failed")]
        # the event with which the latest earlier session came to its end by itself; 0 if none did
        self.last_end = max(ends, default=0)

    @property
    def elapsed_s(self) -> float:
        """Seconds that the run has been at work: as recorded while it is replayed, running afterwards."""
        if self._live_since is None:
            return self._elapsed_before
        return self._elapsed_before + self._clock() - self._live_since

    @property
    def is_replaying(self) -> bool:
        """Whether all so far was answered from the record."""
        return self._live_since is None

    def once(self, kind: str, key: str, produce: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """The data recorded under this kind and key, or else what `produce` returns, recorded."""
        event = self.recall(kind, key)
        return event.data if event else self.record(kind, key, produce).data

    def recall(self, kind: str, key: str) -> Event | None:
        """The event, if the run has it; its time becomes the run's time."""
        event = self.folder.find(kind, key)
        if event and self._live_since is None:
            self._elapsed_before = max(self._elapsed_before, event.elapsed_s)
        return event

    def ended_with(self, kind: str, key: str) -> list[Event]:
        """The events of this kind and key after which an earlier session came to its end by itself.

        Whoever resumes such a run wants it to go on there, not to end again on the same record.
        """
        return [e for e in self.folder.of_kind(kind) if e.key == key and e.number < self.last_end]

    def record(self, kind: str, key: str, produce: Callable[[], Mapping[str, Any]]) -> Event:
        """Does it, records it and tells the sinks."""
        self._go_live()
        return self.note(kind, key, produce())

    def note(self, kind: str, key: str, data: Mapping[str, Any]) -> Event:
        """Records something that was seen; may be recorded again after a resume."""
        self._go_live()
        return self._tell(kind, key, data, self.elapsed_s)

    def show(self, kind: str, key: str, data: Mapping[str, Any]) -> None:
        """Tells the sinks, and whoever watches, what goes on: an event without a number, of no record."""
        with self._lock:
            if not self._closed:
                self._receive(self._now.show(kind, key, data, self.elapsed_s))

    def hide(self, key: str) -> None:
        """Takes back what was shown under this key: it has come to its end."""
        self._now.hide(key)

    def announce(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Records the begin of a session, while the clock still stands: what follows may be replayed."""
        self._now.clear()  # what a kill left
        events = self.folder.events
        return self._tell(kind, "", data, events[-1].elapsed_s if events else 0.0)

    def close(self) -> None:
        """Ends the session: what comes later, from a thread that nobody waits for, is not the run's."""
        with self._lock:
            self._closed = True
            self._now.clear()

    def require_open(self) -> None:
        """Raises ClosedError after the session's end."""
        if self._closed:
            raise ClosedError("this comes after the session's end")

    def _tell(self, kind: str, key: str, data: Mapping[str, Any], elapsed_s: float) -> Event:
        with self._lock:
            self.require_open()
            event = self.folder.record(kind, key, data, elapsed_s)
            self._receive(event)
        return event

    def _receive(self, event: Event) -> None:
        for sink in self._sinks:
            sink.receive(event)

    def _go_live(self) -> None:
        with self._lock:
            if self._live_since is None:
                self._live_since = self._clock()
                if self.folder.events:
                    self._elapsed_before = self.folder.events[-1].elapsed_s
