"""A started container's input and output, as a worker's connection."""

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from docker.models.containers import Container

from codegen_hpo.sandbox.inbox import Inbox
from codegen_hpo.sandbox.removal import remove_quietly
from codegen_hpo.sandbox.warm import Connection

_STDOUT = 1
_STREAM_HEADER = struct.Struct(">BxxxI")  # the engine's framing of an attached container
_COMPLAINTS = 64  # chunks of stderr kept


def attach(container: Container, inbox_bytes: int) -> Connection:
    """The connection of a created container, which is to be started only now: nothing it says is lost."""
    stream: Any = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    raw = raw_socket(stream)
    inbox = Inbox(inbox_bytes)
    complaints: deque[bytes] = deque(maxlen=_COMPLAINTS)

    def read() -> None:
        demultiplex(raw, inbox.feed, complaints.append)
        inbox.close()

    # always drained: an attached container that nobody reads blocks the engine's kill and remove
    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def end() -> None:
        with suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)
        remove_quietly(container)
        reader.join(timeout=5)
        stream.close()

    return Connection(
        inbox=inbox,
        send=raw.sendall,
        complaints=lambda: b"".join(complaints).decode(errors="replace"),
        end=end,
    )


def raw_socket(stream: Any) -> socket.socket:
    """The socket below what docker-py gives, a reader that cannot write; it waits without a time-out."""
    raw: socket.socket = getattr(stream, "_sock", stream)
    raw.settimeout(None)
    return raw


def demultiplex(
    raw: socket.socket, tell: Callable[[bytes], object], complain: Callable[[bytes], object]
) -> None:
    """Sorts what a container writes: stdout to `tell`, the rest to `complain`, until it ends."""
    try:
        while True:
            kind, length = _STREAM_HEADER.unpack(_receive(raw, _STREAM_HEADER.size))
            left = length
            while left:
                data = raw.recv(min(left, 1 << 16))
                if not data:
                    return
                left -= len(data)
                if kind == _STDOUT:
                    tell(data)
                else:
                    complain(data)
    except (OSError, EOFError):
        pass


def _receive(raw: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = raw.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data
