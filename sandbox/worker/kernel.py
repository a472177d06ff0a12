"""What the kernel tells of memory and processes."""

import os
import signal
from contextlib import suppress

_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")  # v2, v1


def oom_kills() -> int:
    """How many processes of this control group were killed for want of memory; 0 where it is not told.

    The engine's own flag is of no use: it stays set for all later trials.
    """
    for path in _OOM_COUNTERS:
        try:
            with open(path) as file:
                counters = dict(line.split() for line in file)
        except (OSError, ValueError):
            continue
        if "oom_kill" in counters:
            return int(counters["oom_kill"])
    return 0


def kill_descendants() -> None:
    """Ends every process below this one. Orphans become its children: it is PID 1 or a subreaper."""
    while victims := _descendants(os.getpid()):
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap()
    _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _descendants(root: int) -> list[int]:
    parents = _parents()
    found, todo = [], [root]
    while todo:
        parent = todo.pop()
        children = [pid for pid, its in parents.items() if its == parent]
        found += children
        todo += children
    return found


def _parents() -> dict[int, int]:
    """Parent of each process that is not a zombie; empty where there is no /proc."""
    parents = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in "ZX":
            parents[int(name)] = int(parent)
    return parents
