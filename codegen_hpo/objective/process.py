"""A command as a process group with limits of time and disk, whose output is kept in part."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from codegen_hpo.objective.kept import Kept
from codegen_hpo.objective.watch import Limit, Room, wait

_READ_BYTES = 1 << 16
_DRAIN_S = 2.0  # for the readers, once the group is dead


class Ended(NamedTuple):
    """How a command ended."""

    code: int | None  # as subprocess tells it, below 0 for a signal; None when it met a limit
    output: str  # the end of stdout
    complaints: str  # the end of stderr
    kept_output: bytes  # head and tail of stdout
    kept_complaints: bytes  # head and tail of stderr
    limit: Limit = ""  # the limit for which it was killed

    @classmethod
    def of(cls, code: int | None, limit: Limit, output: Kept, complaints: Kept) -> "Ended":
        """How it ended, with what was kept of both streams."""
        kept = output.head_and_tail(), complaints.head_and_tail()
        return cls(code, output.tail(), complaints.tail(), *kept, limit)


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    timeout_s: float | None,
    started: Callable[[Callable[[], None]], None] = lambda kill: None,
    *,
    folder: Path | None = None,
    disk_bytes: int | None = None,
) -> Ended:
    """Runs the words until they end, or a limit is met; nothing of their process group is left then.

    Args:
        words: the program and its arguments.
        environment: all of its variables.
        timeout_s: None without a limit.
        started: given what kills the group from another thread.
        folder: where they run; this process's own folder if not given.
        disk_bytes: what `folder` may grow by; looked at about once a second. None without a limit.

    Raises:
        OSError: the program cannot be started.
    """
    room = None if folder is None or disk_bytes is None else Room(folder, disk_bytes)
    with _guard() as watch:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        try:
            watch(process.pid)
            started(lambda: _kill(process.pid))
            assert process.stdout is not None
            assert process.stderr is not None
            output, complaints = _Reader(process.stdout), _Reader(process.stderr)
            limit = wait(lambda wait_s: _ended(process, wait_s), timeout_s, room)
            code = None if limit else process.returncode
        finally:
            _kill(process.pid)
            process.wait()
    output.join()
    complaints.join()
    return Ended.of(code, limit, output.kept, complaints.kept)


def _ended(process: "subprocess.Popen[bytes]", wait_s: float) -> bool:
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return False
    return True


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


class _Reader:
    """Reads a pipe to its end."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.kept = Kept()
        # a program that left the group may hold the pipe for ever: nobody waits for this thread then
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(_DRAIN_S)

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while data := pipe.read(_READ_BYTES):
                self.kept.feed(data)
