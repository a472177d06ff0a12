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
    # the raw socket: docker-py wraps it in a reader that cannot write
    raw: socket.socket = getattr(stream, "_sock", stream)
    raw.settimeout(None)
    inbox = Inbox(inbox_bytes)
    complaints: deque[bytes] = deque(maxlen=_COMPLAINTS)
    # always drained: an attached container that nobody reads blocks the engine's kill and remove
    reader = threading.Thread(target=_demultiplex, args=(raw, inbox, complaints.append), daemon=True)
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


def _demultiplex(raw: socket.socket, inbox: Inbox, complain: Callable[[bytes], object]) -> None:
    """Sorts what a container writes: stdout to the inbox, the rest to `complain`, until it ends."""
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
                    inbox.feed(data)
                else:
                    complain(data)
    except (OSError, EOFError):
        pass
    finally:
        inbox.close()


def _receive(raw: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = raw.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data
