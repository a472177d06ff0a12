"""What a child printed: its head and its tail, within a cap."""

_HEAD, _TAIL, _FLOOD = 20 << 10, 4 << 10, 16 << 20  # bytes


class Printed:
    def __init__(self) -> None:
        self.total = 0
        self._head = bytearray()
        self._tail = bytearray()

    def feed(self, data: bytes) -> bool:
        """Takes more bytes; False once it is a flood, which ends the child."""
        self.total += len(data)
        room = _HEAD - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[max(0, room) :])[-_TAIL:]
        return self.total <= _FLOOD

    def kept(self) -> bytes:
        """Head and tail, with a line between them that says what was dropped."""
        dropped = self.total - len(self._head) - len(self._tail)
        gap = f"\n… {dropped} bytes left out …\n".encode() if dropped else b""
        return bytes(self._head + gap + self._tail)
