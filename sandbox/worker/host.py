"""The server's end of the two pipes to the host."""

import os
import select

import frames


class Host:
    """Whoever started this worker. It is gone when it closes its end of `control`: then every call raises."""

    def __init__(self, control: int, out: int) -> None:
        self.control = control
        self._out = out
        os.set_blocking(out, False)  # to notice, while a large result waits, that nobody will ever read it
        self._poll = select.poll()
        self._poll.register(control, 0)  # only a hang-up: a next job may be waiting there
        self._poll.register(out, select.POLLOUT)

    def receive(self) -> bytes:
        """The payload of the next frame. Raises frames.ClosedError."""
        return frames.read(self.control).payload

    def send(self, kind: bytes, payload: bytes) -> None:
        """Sends one frame whole. Raises frames.ClosedError or BrokenPipeError."""
        for part in (frames.HEADER.pack(kind, len(payload)), payload):
            rest = memoryview(part)
            while rest:
                for fd, event in self._poll.poll():
                    if fd == self.control and event & (select.POLLHUP | select.POLLERR):
                        raise frames.ClosedError
                    if fd == self._out:
                        rest = rest[os.write(self._out, rest[: 1 << 20]) :]
