"""A command as a process group with a time limit, whose output is kept in part."""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, NamedTuple

HEAD_BYTES, TAIL_BYTES = 64 << 10, 512 << 10  # kept of each stream
_READ_BYTES = 1 << 16
_DRAIN_S = 2.0  # for the readers, once the group is dead


class Ended(NamedTuple):
    """How a command ended."""

    code: int | None  # as subprocess tells it, below 0 for a signal; None when its time was up
    output: str  # the end of stdout
    complaints: str  # the end of stderr
    kept_output: bytes  # head and tail of stdout
    kept_complaints: bytes  # head and tail of stderr


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    timeout_s: float | None,
    started: Callable[[Callable[[], None]], None] = lambda kill: None,
) -> Ended:
    """Runs the words until they end, or the time is up; nothing of their process group is left then.

    Args:
        words: the program and its arguments.
        environment: all of its variables.
        timeout_s: None without a limit.
        started: given what kills the group from another thread.

    Raises:
        OSError: the program cannot be started.
    """
    with _guard() as watch:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            start_new_session=True,
        )
        try:
            watch(process.pid)
            started(lambda: _kill(process.pid))
            assert process.stdout is not None
            assert process.stderr is not None
            output, complaints = _Stream(process.stdout), _Stream(process.stderr)
            try:
                code = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                code = None
        finally:
            _kill(process.pid)
            process.wait()
    output.join()
    complaints.join()
    return Ended(code, output.tail(), complaints.tail(), output.kept(), complaints.kept())


@contextmanager
def _guard() -> Iterator[Callable[[int], None]]:
    """What is given a group that shall not outlive this process.

    A shell waits at a pipe that only this process holds: when it is killed, the shell reads the end and kills
    the group.
    """
    shell = subprocess.Popen(
        ["/bin/sh", "-c", 'read group; read end; kill -s KILL -- "-$group"'],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,
    )
    stdin = shell.stdin
    assert stdin is not None

    def watch(group: int) -> None:
        stdin.write(b"%d\n" % group)

    try:
        yield watch
    finally:
        shell.kill()
        shell.communicate()


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


class _Stream:
    """Reads a pipe to its end, and keeps its head and its tail."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._total = 0
        # a program that left the group may hold the pipe for ever: nobody waits for this thread then
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(_DRAIN_S)

    def tail(self) -> str:
        """The end, as text."""
        return b"".join(self._tail.copy())[-TAIL_BYTES:].decode(errors="replace")

    def kept(self) -> bytes:
        """All of it, or head and tail with a line between them that tells what is missing."""
        tail = b"".join(self._tail.copy())[-TAIL_BYTES:]
        if self._total <= len(tail):
            return tail
        missing = self._total - len(tail) - len(self._head)
        if missing <= 0:  # head and tail overlap
            return bytes(self._head[: self._total - len(tail)]) + tail
        return bytes(self._head) + f"\n… {missing} bytes are left out …\n".encode() + tail

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while data := pipe.read(_READ_BYTES):
                self._total += len(data)
                self._head += data[: HEAD_BYTES - len(self._head)]
                self._tail.append(data)
                self._tail_bytes += len(data)
                while self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
                    self._tail_bytes -= len(self._tail.popleft())
