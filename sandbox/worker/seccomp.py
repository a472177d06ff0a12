"""The filter of a trial's system calls: one process that reads, computes and writes to its pipes, no more.

It is a list of what is forbidden, since nobody can list all that torch needs on each machine, but calls
newer than the list are forbidden with it. It is classic BPF: a program without loops over the number of a
call and its arguments, of which pointers cannot be followed.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from typing import NamedTuple

from syscalls import CALLS, FIRST_UNKNOWN

_AUDIT_ARCHS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # offsets in the kernel's struct seccomp_data
_PR_SET_SECCOMP, _FILTER = 22, 2


class Instruction(NamedTuple):
    """Of classic BPF. Jumps are counted from the next instruction."""

    code: int
    if_true: int
    if_false: int
    value: int


def install(gpu: bool) -> None:
    """Puts the filter on this thread, for good; nothing where there is no seccomp or no table of calls.

    The process must have given up new privileges before. Raises OSError for a filter that is refused.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in _AUDIT_ARCHS:
        return
    instructions = program(platform.machine(), os.getpid(), gpu)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    kept = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(instructions), ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.c_char_p(header), 0, 0) != 0:
        error = ctypes.get_errno()
        if error != errno.EINVAL:  # a kernel without seccomp: the self-test says what is open then
            raise OSError(error, f"seccomp: {os.strerror(error)}")


def program(machine: str, pid: int, gpu: bool) -> list[Instruction]:
    """The filter for "x86_64" or "aarch64" and the process `pid`.

    Args:
        gpu: libcuda opens devices for writing, maps them, and listens on a Unix socket: that is let through.
    """
    instructions = [
        Instruction(_LOAD, 0, 0, _ARCH_AT),
        # calls of 32-bit programs have other numbers
        Instruction(_EQUAL, 1, 0, _AUDIT_ARCHS[machine]),
        _return(_KILL),
        Instruction(_LOAD, 0, 0, _NUMBER_AT),
        Instruction(_AT_LEAST, 0, 1, FIRST_UNKNOWN),
        _return(_ERROR | errno.ENOSYS),
    ]
    for name, body in _rules(pid, gpu).items():
        number = getattr(CALLS[name], machine)
        if number is not None:
            instructions += [Instruction(_EQUAL, 0, len(body), number), *body]
    return [*instructions, _return(_ALLOW)]


_Check = Sequence[Instruction]  # falls through to what follows it, or returns an error

_CLONE_THREAD, _CLONE_NAMESPACES = 0x00010000, 0x7E020000
_AF_UNIX = 1
_O_WRITES = 0o3 | 0o100 | 0o1000  # O_WRONLY and O_RDWR, O_CREAT, O_TRUNC: the same on both machines
_MAP_SHARED, _MAP_ANONYMOUS, _MAP_GROWSDOWN, _MAP_HUGETLB = 0x1, 0x20, 0x100, 0x40000
# F_SETOWN, F_SETSIG, F_SETOWN_EX send signals to others; F_SETLEASE, F_NOTIFY hinder them
_FCNTL_DENIED = (8, 10, 15, 1024, 1026)
# is it a terminal (twice), its size, its group; how much is there to read; (non-)blocking; (not) closed by
# exec
_IOCTL_ALLOWED = (0x5401, 0x802C542A, 0x5413, 0x540F, 0x541B, 0x5421, 0x5450, 0x5451)
# TIOCSTI, TIOCLINUX, TIOCSCTTY, TIOCCONS type for the user; FIOSETOWN, SIOCSPGRP send signals; the last two
# set flags of files
_IOCTL_DENIED = (0x5412, 0x541C, 0x540E, 0x541D, 0x8901, 0x8902, 0x40086602, 0x401C5820)
# PR_GET_ of PDEATHSIG, DUMPABLE, NAME, SECCOMP, TIMERSLACK, NO_NEW_PRIVS, THP_DISABLE; PR_CAPBSET_READ;
# PR_SET_ of NAME, TIMERSLACK; the width of vectors on aarch64; names of memory areas
_PRCTL_ALLOWED = (2, 3, 15, 16, 21, 23, 29, 30, 39, 42, 51, 64, 0x53564D41)


def _rules(pid: int, gpu: bool) -> dict[str, list[Instruction]]:
    """What is done with each call of the table; each list ends by returning."""
    me = (0, pid)
    reading = _checked(_without(1, _O_WRITES))
    rules = {name: [_return(_ERROR | errno.EPERM)] for name in CALLS}
    # glibc then uses the older call, whose arguments can be seen
    rules |= {name: [_return(_ERROR | errno.ENOSYS)] for name in ("clone3", "openat2")}
    rules |= {
        "clone": _checked(_with(0, _CLONE_THREAD), _without(0, _CLONE_NAMESPACES)),
        "kill": _checked(_one_of(0, [pid])),
        "tgkill": _checked(_one_of(0, [pid])),
        "rt_sigqueueinfo": _checked(_one_of(0, [pid])),
        "rt_tgsigqueueinfo": _checked(_one_of(0, [pid])),
        "prlimit64": _checked(_one_of(0, me)),
        "setpriority": _checked(_one_of(0, [0]), _one_of(1, me)),
        # of another process they tell that it is there
        "getpgid": _checked(_one_of(0, me)),
        "getsid": _checked(_one_of(0, me)),
        "getpriority": _checked(_one_of(0, [0]), _one_of(1, me)),
        "sched_setaffinity": _checked(_one_of(0, me)),
        "sched_setscheduler": _checked(_one_of(0, me)),
        "sched_setparam": _checked(_one_of(0, me)),
        "sched_setattr": _checked(_one_of(0, me)),
        "move_pages": _checked(_one_of(0, me)),
        "prctl": _checked(_one_of(0, _PRCTL_ALLOWED)),
        "fcntl": _checked(_none_of(1, _FCNTL_DENIED)),
        "open": reading,
        "openat": _checked(_without(2, _O_WRITES)),
        "ioctl": _checked(_one_of(1, _IOCTL_ALLOWED)),
        # shared memory and stacks that grow are not counted by the limit of a process's data
        "mmap": _checked(
            _not_both(3, _MAP_SHARED | _MAP_ANONYMOUS), _without(3, _MAP_GROWSDOWN | _MAP_HUGETLB)
        ),
    }
    if gpu:
        let_through = ("open", "openat", "mmap", "memfd_create", "ftruncate", "fallocate", "bind", "listen")
        rules = {name: body for name, body in rules.items() if name not in let_through}
        rules["socket"] = _checked(_one_of(0, [_AF_UNIX]))
        rules["ioctl"] = _checked(_none_of(1, _IOCTL_DENIED))
    return rules


def _checked(*checks: _Check) -> list[Instruction]:
    return [instruction for check in checks for instruction in check] + [_return(_ALLOW)]


def _one_of(argument: int, values: Sequence[int]) -> _Check:
    tests = [Instruction(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [_load(argument), *tests, _return(_ERROR | errno.EPERM)]


def _none_of(argument: int, values: Sequence[int]) -> _Check:
    tests = [Instruction(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values, start=1)]
    # the last test that fails jumps over the error
    tests[-1] = tests[-1]._replace(if_false=1)
    return [_load(argument), *tests, _return(_ERROR | errno.EPERM)]


def _with(argument: int, bit: int) -> _Check:
    return [_load(argument), Instruction(_ANY_BIT, 1, 0, bit), _return(_ERROR | errno.EPERM)]


def _without(argument: int, bits: int) -> _Check:
    return [_load(argument), Instruction(_ANY_BIT, 0, 1, bits), _return(_ERROR | errno.EPERM)]


def _not_both(argument: int, bits: int) -> _Check:
    both = [Instruction(_AND, 0, 0, bits), Instruction(_EQUAL, 0, 1, bits)]
    return [_load(argument), *both, _return(_ERROR | errno.EPERM)]


def _load(argument: int) -> Instruction:
    # the lower half: the kernel takes each of these arguments for 32 bits wide, and both machines are
    # little-endian
    return Instruction(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument)


def _return(verdict: int) -> Instruction:
    return Instruction(_RETURN, 0, 0, verdict)
