"""What a child gives up, for good, before it runs a line of generated code."""

import ctypes
import os
import resource
import sys
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_SIGKILL = 9


def prctl(option: int, value: int) -> None:
    """One prctl call; nothing on systems that have none. Raises OSError."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*(ctypes.c_ulong(number) for number in (option, value, 0, 0, 0))) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}): {os.strerror(error)}")


def harden_server() -> None:
    """Makes the server unreadable for children of the same user, and the parent of their orphans.

    A dumpable PID 1 let a trial open /proc/1/fd/1 and forge a reply.
    """
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    prctl(_PR_SET_DUMPABLE, 0)


def lock_down(memory_bytes: int | None) -> None:
    """Takes away what a trial does not need. `memory_bytes` limits what it may add to the server's data."""
    os.setsid()
    # RLIMIT_DATA, not RLIMIT_AS: file maps and CUDA's reservations count in the second
    if memory_bytes:
        _limit(resource.RLIMIT_DATA, memory_bytes + _data_bytes())
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)  # results go through pipes: no file is ever needed
    _limit(resource.RLIMIT_NOFILE, 256)
    _prefer_as_victim()
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    prctl(_PR_SET_DUMPABLE, 0)
    # The place for the seccomp filter: the last step, because it forbids some of those above.


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _data_bytes() -> int:
    """The private writable memory of this process, 0 where the system does not tell."""
    return _status_bytes("VmData:")


def _status_bytes(key: str) -> int:
    try:
        with open("/proc/self/status") as status:
            lines: list[Any] = [line.split() for line in status if line.startswith(key)]
    except OSError:
        return 0
    return int(lines[0][1]) * 1024 if lines else 0


def _prefer_as_victim() -> None:
    # so that the kernel's out-of-memory killer takes the trial and not the server
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
