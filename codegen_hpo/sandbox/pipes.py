"""A worker process of this machine, reached over pipes."""

import os
import select
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.inbox import Inbox
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.warm import Connection

_LEAVE_S = 2.0  # a worker whose input was closed ends its child, then itself
_STALL_S = 30.0  # without a byte read of a job, a worker is as good as dead
_COMPLAINTS = 64  # chunks of stderr kept


def start_worker(
    command: Sequence[str],
    environment: Mapping[str, str],
    limits: Limits,
    *,
    notices: tuple[str, ...] = (),
    pass_fds: Sequence[int] = (),
    kill: Callable[[], None] = lambda: None,
) -> Connection:
    """The connection to a started command.

    Args:
        environment: all of its variables.
        notices: what is not as it was asked for.
        pass_fds: further descriptors that it inherits.
        kill: ends what is not in the command's process group; called at the end, when its input is closed
            and it had time to leave.

    Raises:
        SandboxError: it cannot be started.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            cwd="/",
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise SandboxError(f"the sandbox worker cannot be started: {error}") from error
    # Ctrl-C from here on: once nobody holds the pipe to its input, the worker ends by itself
    return _connect(process, limits, notices, kill)


def _connect(
    process: "subprocess.Popen[bytes]", limits: Limits, notices: tuple[str, ...], kill: Callable[[], None]
) -> Connection:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    os.set_blocking(stdin.fileno(), False)
    inbox = Inbox(limits.sent_bytes + (1 << 20))
    complaints: deque[bytes] = deque(maxlen=_COMPLAINTS)
    readers = [
        threading.Thread(target=inbox.drain, args=(stdout.read,), daemon=True),
        threading.Thread(target=_keep, args=(stderr, complaints), daemon=True),
    ]
    for reader in readers:
        reader.start()

    def end() -> None:
        _end(process, stdin, kill)
        for reader in readers:
            reader.join(timeout=_LEAVE_S)
        stdout.close()
        stderr.close()

    return Connection(
        inbox=inbox,
        send=lambda data: _write(stdin, data),
        complaints=lambda: b"".join(complaints).decode(errors="replace"),
        end=end,
        notices=notices,
    )


def _write(stdin: IO[bytes], data: bytes) -> None:
    """Writes all, unless the reader stalls: a job with weights does not fit into a pipe."""
    rest = memoryview(data)
    try:
        while rest:
            # of the pipe, which does not block: None when it is full
            written: int | None = stdin.write(rest)
            if written:
                rest = rest[written:]
            elif not select.select([], [stdin], [], _STALL_S)[1]:
                raise TimeoutError(f"it read nothing for {_STALL_S:.0f} s")
    except ValueError as error:  # closed
        raise OSError(str(error)) from None


def _end(process: "subprocess.Popen[bytes]", stdin: IO[bytes], kill: Callable[[], None]) -> None:
    """Lets the worker end its child and itself; kills what is left, at once if there is a Ctrl-C."""
    with suppress(OSError):
        stdin.close()
    try:
        process.wait(_LEAVE_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        kill()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _keep(stderr: IO[bytes], complaints: deque[bytes]) -> None:
    with suppress(OSError, ValueError):  # closed under its feet
        while data := stderr.read(1 << 12):
            complaints.append(data)
