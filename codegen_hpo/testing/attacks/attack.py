"""One hostile program as data, and the ways to write one shortly."""

# ruff: noqa: E501 - the lines of a program are its own

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from codegen_hpo.records import Status
from codegen_hpo.testing.sandbox_cases import sample_source

ESCAPED = "ESCAPED"  # a program prints a line that begins so when it did what it must not be able to do
ANY: tuple[Status, ...] = get_args(Status)
FAILED: tuple[Status, ...] = tuple(status for status in ANY if status != "ok")

_NAME = re.compile(r"\$([a-z_]+)")

# What programs with many attempts share: each attempt is made, what was refused is told in one error.
_ATTEMPTS = '''
import ctypes, os, platform, sys
_LIBC = ctypes.CDLL(None, use_errno=True)
_REFUSED = []

def attempt(what, call):
    """The call's value; a refusal is noted, a success is confessed."""
    try:
        value = call()
    except BaseException as error:
        _REFUSED.append(f"{what}: {type(error).__name__} {error}"[:90])
        return None
    print("ESCAPED", what, repr(value)[:200], flush=True)
    return value

def checked(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def syscall(number, *arguments):
    """A raw system call, its number for x86-64 or (x86-64, aarch64); OSError when it fails."""
    if isinstance(number, tuple):
        number = number[platform.machine() == "aarch64"]
    words = [a if isinstance(a, (bytes, ctypes.Array, ctypes.Structure)) else ctypes.c_long(a) for a in arguments]
    words = [ctypes.byref(w) if isinstance(w, ctypes.Structure) else w for w in words]
    _LIBC.syscall.restype = ctypes.c_long
    return checked(_LIBC.syscall(ctypes.c_long(number), *words))

def bundle_arrays():
    """The mapped arrays of the worker's bundle, found through the frames of its code."""
    found, frame = [], sys._getframe()
    while frame:
        found += vars(frame.f_locals.get("bundle", object)).get("_arrays", {}).values()
        frame = frame.f_back
    return [array for array in found if hasattr(array, "ctypes")]

def tell():
    raise PermissionError("; ".join(_REFUSED) or "nothing was refused")
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A program that must come to nothing, and how it may end."""

    name: str  # kebab-case, unique
    category: str
    source: str  # names of `observers.Bait` may stand in it, as $port
    statuses: tuple[Status, ...]
    timeout_s: float

    def written(self, bait: dict[str, str]) -> str:
        """The source for one machine, the bait's names filled in."""
        return _NAME.sub(lambda found: bait.get(found[1], found[0]), self.source)


Maker = Callable[..., Attack]


def attacks_of(category: str) -> Maker:
    """A function that makes attacks of one category: name, source, then what differs from the usual."""

    def make(
        name: str,
        source: str,
        *,
        statuses: tuple[Status, ...] = FAILED,
        timeout_s: float = 10.0,
    ) -> Attack:
        return Attack(
            name=name,
            category=category,
            source=source,
            statuses=statuses,
            timeout_s=timeout_s,
        )

    return make


def attempting(body: str) -> str:
    """A source that makes the attempts of `body` when its function is called, then tells what was refused."""
    return _ATTEMPTS + sample_source(construct=f"{body.strip()}\ntell()")


def equipped(source: str) -> str:
    """A source with the functions `attempt`, `syscall` and `tell` before it."""
    return _ATTEMPTS + source
