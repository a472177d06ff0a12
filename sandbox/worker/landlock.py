"""A child's view of the files, cut down to a few paths by Landlock. It needs no rights, and Linux 5.13."""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # numbers of the calls, the same on all machines
_ASK_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
# how many rights on files, on the network, and scopes each version of the kernel's interface knows
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # 16 from version 5 on
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6
_NETWORK_RIGHTS, _SCOPES = 0b11, 0b11  # bind and connect of TCP; abstract sockets and signals


def version() -> int:
    """Of the kernel's Landlock interface, 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    try:
        return _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    except OSError:
        return 0


def restrict(readable: Iterable[str]) -> None:
    """Leaves this thread, for good, only reading below the paths `readable`.

    Those that are not there are skipped. It must have given up new privileges before. Raises OSError where
    there is no Landlock.
    """
    attributes = denied(version())
    rules = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for path in readable:
            _let_read(rules, path)
        _call(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0))
    finally:
        os.close(rules)


def denied(known: int) -> bytes:
    """The kernel's struct landlock_ruleset_attr that denies all that its version `known` can deny."""
    rights = [(1 << _FILE_RIGHTS.get(known, 16)) - 1]
    if known >= _NETWORK_SINCE:
        rights.append(_NETWORK_RIGHTS)
    if known >= _SCOPES_SINCE:
        rights.append(_SCOPES)
    return struct.pack(f"={len(rights)}Q", *rights)


def _let_read(rules: int, path: str) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _READ_FILE | _READ_FOLDER if os.path.isdir(path) else _READ_FILE
        rule = struct.pack("=Qi", rights, fd)
        _call(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(fd)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result
