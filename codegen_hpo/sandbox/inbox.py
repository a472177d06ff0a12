"""Bytes from a worker, collected by a thread and read with a deadline."""

import threading
import time
from collections.abc import Callable

_CHUNK = 1 << 16


class GoneError(Exception):
    """The worker closed its end."""


class LateError(Exception):
    """The deadline passed."""


class Inbox:
    """A buffer between the thread that drains a worker and the thread that waits for its frames.

    A worker that nobody reads blocks the engine's own commands, so the thread never waits: beyond
    `cap_bytes` of unread data it drops the rest and calls the worker gone.
    """

    def __init__(self, cap_bytes: int) -> None:
        self._cap = cap_bytes
        self._data = bytearray()
        self._closed = False
        self._changed = threading.Condition()

    def drain(self, read: Callable[[int], bytes]) -> None:
        """Collects what `read` returns until it returns nothing or fails; to be run in a thread."""
        try:
            while data := read(_CHUNK):
                self.feed(data)
        except (OSError, ValueError):  # closed under its feet
            pass
        finally:
            self.close()

    def feed(self, data: bytes) -> None:
        with self._changed:
            if len(self._data) + len(data) > self._cap:
                self._closed = True
            if not self._closed:
                self._data += data
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, length: int, deadline: float) -> bytes:
        """Exactly `length` bytes; `deadline` is of time.monotonic. Raises GoneError or LateError."""
        with self._changed:
            while len(self._data) < length:
                if self._closed:
                    raise GoneError
                # the cap only holds for what nobody waits for
                self._cap = max(self._cap, length + _CHUNK)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise LateError
                self._changed.wait(min(left, 1.0))
            taken = bytes(memoryview(self._data)[:length])
            del self._data[:length]
            return taken
