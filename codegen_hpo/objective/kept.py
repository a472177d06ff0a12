"""What is kept of a stream that may be endless: its head and its tail."""

from collections import deque

HEAD_BYTES, TAIL_BYTES = 64 << 10, 512 << 10


class Kept:
    """Head and tail of what it was fed. One thread feeds, any other may look."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._total = 0

    def feed(self, data: bytes) -> None:
        self._total += len(data)
        self._head += data[: HEAD_BYTES - len(self._head)]
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft())

    def tail(self) -> str:
        """The end, as text; it begins with a whole line, for half a number reads as another one."""
        data = self._end()
        if len(data) < self._total:
            data = data[data.find(b"\n") + 1 :]
        return data.decode(errors="replace")

    def head_and_tail(self) -> bytes:
        """All of it, or head and tail with a line between them that tells what is missing."""
        tail = self._end()
        if self._total <= len(tail):
            return tail
        missing = self._total - len(tail) - len(self._head)
        if missing <= 0:  # head and tail overlap
            return bytes(self._head[: self._total - len(tail)]) + tail
        return bytes(self._head) + f"\n… {missing} bytes are left out …\n".encode() + tail

    def _end(self) -> bytes:
        return b"".join(self._tail.copy())[-TAIL_BYTES:]
