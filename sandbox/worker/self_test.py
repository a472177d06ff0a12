"""What a guarded child tries in vain: the proof, at each start of a worker, that its wall stands."""

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import frames
from guard import Guard
from supervise import Limits, supervise

_WALL_S = 10.0
_THREADS = 8
_RESULT_BYTES = 64 << 10
_REFUSALS = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS}


def refused(control: int, bundle: Path, readable: Sequence[str] | None) -> list[str]:
    """The names of what a child under the guard of a trial (on the CPU) was not allowed to do.

    Raises frames.ClosedError when the host is gone.
    """
    guard = Guard(_WALL_S, None, _THREADS, gpu=False, readable=readable)
    work = partial(_try_all, os.getpid(), bundle)
    told = supervise(work, Limits(_RESULT_BYTES, guard), control).frames
    return [frame.payload.decode("ascii", "replace") for frame in told if frame.kind == frames.CHECK]


def _try_all(server: int, bundle: Path, fd: int) -> None:
    """Names what is refused as it goes: the last attempt, if it succeeds, replaces this program."""
    folders = (Path("/tmp"), Path("/dev/shm"), Path.cwd(), bundle)
    probes: dict[str, Sequence[Callable[[], None]]] = {
        "network": (_open_socket,),
        "process": (_fork,),
        "signals": tuple(partial(os.kill, server, number) for number in (0, signal.SIGCONT)),
        "server": tuple(partial(_read, server, name) for name in ("mem", "environ", "fd/0")),
        "writing": tuple(partial(_write, folder) for folder in folders if folder.is_dir()),
        "exec": (_execute,),
    }
    for name, attempts in probes.items():
        if all([_is_refused(attempt) for attempt in attempts]):
            frames.write(fd, frames.CHECK, name.encode())


def _is_refused(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno in _REFUSALS
    return False


def _open_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _read(server: int, name: str) -> None:
    with open(f"/proc/{server}/{name}", "rb"):
        pass


def _write(folder: Path) -> None:
    file = folder / f"codegen-hpo-self-test-{os.getpid()}"
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with suppress(OSError):
        file.unlink()


def _execute() -> None:
    os.execv(sys.executable, [sys.executable, "-c", "pass"])
