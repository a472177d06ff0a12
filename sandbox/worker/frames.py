"""Frames: one type byte, the length as u32 little-endian, then the payload.

The host's half is `codegen_hpo/sandbox/protocol.py`; the two must name the same types.
"""

import os
import struct
from collections.abc import Callable
from typing import NamedTuple

PROTOCOL = 4
HEADER = struct.Struct("<cI")

# host to server
JOB, LOADED = b"J", b"L"  # JSON of the job; what it works on: weights, rows, or nothing
# server to host
HELLO, PRINTED, VERDICT = b"H", b"T", b"V"  # a verdict ends each job
# child to server, which passes them on unread (except the stage), at the end
STAGE, CHECK, REPORT, CURVE, OUTPUTS, WEIGHTS = b"G", b"K", b"R", b"C", b"O", b"W"
POINT = b"P"  # of the curve, while a training goes on; passed on at once, or dropped

# bytes; others share the job's cap
CAPS = {CHECK: 16 << 10, REPORT: 64 << 10, CURVE: 1 << 20, STAGE: 64, POINT: 28}


class Frame(NamedTuple):
    kind: bytes
    payload: bytes


class ClosedError(Exception):
    """The other side is gone."""


def write(fd: int, kind: bytes, payload: bytes | memoryview) -> None:
    """Writes one frame whole."""
    for part in (HEADER.pack(kind, len(payload)), payload):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(fd, rest[: 1 << 20]) :]


def read(fd: int) -> Frame:
    """The next frame of a trusted sender. Raises ClosedError at its end."""
    kind, length = HEADER.unpack(_read_exactly(fd, HEADER.size))
    return Frame(kind, bytes(_read_exactly(fd, length)))


def _read_exactly(fd: int, length: int) -> bytearray:
    data = bytearray()
    while len(data) < length:
        part = os.read(fd, min(length - len(data), 1 << 20))
        if not part:
            raise ClosedError
        data += part
    return data


MAX_FRAMES, MAX_STAGES = 1000, 5000  # of one child; a dry-run sends one and a few a point


class Splitter:
    """Cuts a child's byte stream into frames; refuses what is too long before it is collected.

    Args:
        passed: called with the payload of each point.
    """

    def __init__(
        self,
        cap_bytes: int,
        output_bytes: int | None = None,
        passed: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._passed = passed
        self._caps = CAPS if output_bytes is None else CAPS | {OUTPUTS: output_bytes}
        self.frames: list[Frame] = []  # all but stages and points
        self.stage = ""  # the last one
        self._stages = 0
        self._left = cap_bytes
        self._buffer = bytearray()

    def has(self, kind: bytes) -> bool:
        """Whether such a frame has come."""
        return any(frame.kind == kind for frame in self.frames)

    def feed(self, data: bytes) -> bool:
        """Takes more bytes; False once a frame is unknown, too long or one too many: it ends the child."""
        self._left -= len(data)
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._buffer)
            known = kind in CAPS or kind in (OUTPUTS, WEIGHTS)
            if not known or length > self._caps.get(kind, self._left + len(self._buffer)):
                return False
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            if len(self.frames) == MAX_FRAMES or self._stages == MAX_STAGES:
                return False
            self._keep(Frame(kind, bytes(memoryview(self._buffer)[HEADER.size : end])))
            del self._buffer[:end]
        return self._left >= 0

    def _keep(self, frame: Frame) -> None:
        if frame.kind == STAGE:
            self._stages += 1
            self.stage = frame.payload.decode("ascii", "replace")
        elif frame.kind == POINT:
            self._passed(frame.payload)
        else:
            self.frames.append(frame)
