"""A deadline that holds against any server: also one that hangs or sends a byte now and then."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any


class Watchdog:
    """Shuts the connection of a request down at its deadline.

    HTTP clients time single reads, so that a server which trickles is waited for without end. Shutting the
    socket down from a timer thread wakes a blocked read, whatever it waits for: headers, a stream, a body.
    """

    def __init__(self) -> None:
        self.fired = False
        self._socket: socket.socket | None = None

    def attach(self, request: Any) -> None:
        """An event hook of an httpx (or httpx2) client: learns the socket of each new connection.

        Needs one connection a request (`Connection: close`): a reused one would not be announced.
        """
        request.extensions["trace"] = self._trace

    @contextlib.contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Watches over a block; afterwards `fired` tells whether the deadline was passed."""
        self.fired, self._socket = False, None
        timer = threading.Timer(seconds, self._fire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._socket = None

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        # TLS replaces the socket object, so the latest one counts
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.fired:
                self._fire()

    def _fire(self) -> None:
        self.fired = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # the base class's method: SSLSocket.shutdown drops TLS state that the blocked read still uses
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
