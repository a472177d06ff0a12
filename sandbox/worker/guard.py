"""What a child gives up, for good, before it runs a line of generated code."""

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import landlock
import seccomp

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_CAPABILITY_VERSION_3 = 0x20080522
_SIGKILL = 9
_MAX_FILES = 256
_CPU_SLACK_S = 10
# address space beside data: libraries that are loaded late, and for each thread its stack (8 MiB) and what
# malloc reserves for it (an arena of 64 MiB)
_ADDRESS_SLACK_BYTES, _ADDRESS_BYTES_A_THREAD = 1 << 30, 72 << 20


class Guard(NamedTuple):
    """What is left to a child."""

    wall_s: float  # its processor time is limited by this too, on each processor
    memory_bytes: (
        int | None
    )  # what it may add to the server's data; None: a container's control group limits it
    threads: int
    gpu: bool
    readable: (
        Sequence[str] | None
    )  # the only paths that it may read, by Landlock; None: another wall sees to it


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
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_SET_DUMPABLE, 0)


def lock_down(guard: Guard) -> None:
    """Takes away what a trial does not need."""
    os.setsid()
    prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    _prefer_as_victim()
    _limit_resources(guard)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _drop_capabilities()
    prctl(_PR_SET_DUMPABLE, 0)
    if guard.readable is not None:
        landlock.restrict(guard.readable)
    seccomp.install(guard.gpu)  # the last: it forbids some of the steps above


def _limit_resources(guard: Guard) -> None:
    if guard.memory_bytes:
        _limit(resource.RLIMIT_DATA, guard.memory_bytes + _status_bytes("VmData:"))
        if not guard.gpu:  # CUDA reserves many gigabytes of addresses that it never uses
            # behind RLIMIT_DATA, which does not count shared memory
            room = _ADDRESS_SLACK_BYTES + guard.threads * _ADDRESS_BYTES_A_THREAD
            _limit(resource.RLIMIT_AS, guard.memory_bytes + _status_bytes("VmSize:") + room)
    # behind the server's clock, which may be starved by what it is to stop
    _limit(resource.RLIMIT_CPU, int(guard.wall_s * (os.cpu_count() or 1)) + _CPU_SLACK_S)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)  # results go through pipes: no file is ever needed
    _limit(resource.RLIMIT_NOFILE, _MAX_FILES)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _status_bytes(key: str) -> int:
    """A number of /proc/self/status, 0 where the system does not tell."""
    try:
        with open("/proc/self/status") as status:
            lines = [line.split() for line in status if line.startswith(key)]
    except OSError:
        return 0
    return int(lines[0][1]) * 1024 if lines else 0


def _prefer_as_victim() -> None:
    # so that the kernel's out-of-memory killer takes the trial and not the server
    prctl(_PR_SET_DUMPABLE, 1)  # else the file is root's: it is the server's own process image that forked
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    prctl(_PR_SET_DUMPABLE, 0)


def _drop_capabilities() -> None:
    # a worker may be started by root, and then root's files and others' memory would be open to its children
    if sys.platform.startswith("linux"):
        header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
        ctypes.CDLL(None).capset(header, bytes(24))
