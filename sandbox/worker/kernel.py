"""What the kernel tells of memory and processes."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_CGROUPS, _MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_UNLIMITED_BYTES = 1 << 62  # version 1 writes "no limit" as a number near 2**63


def oom_kills(cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """How many processes of this control group were killed for want of memory; 0 where it is not told.

    The engine's own flag is of no use: it stays set for all later trials.
    """
    for folder in _memory_groups(cgroups, membership):
        for name in ("memory.events", "memory.oom_control"):  # versions 2 and 1
            with suppress(OSError, ValueError, KeyError):
                counters = dict(line.split() for line in (folder / name).read_text().splitlines())
                return int(counters["oom_kill"])
    return 0


def memory_limit(cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int | None:
    """Bytes that this control group and those above it leave to this process; None without a limit."""
    limits = []
    for folder in _memory_groups(cgroups, membership):
        for name in ("memory.max", "memory.limit_in_bytes"):  # versions 2 and 1
            with suppress(OSError, ValueError):  # version 2 writes "max" for no limit
                limits.append(int((folder / name).read_text()))
    smallest = min(limits, default=_UNLIMITED_BYTES)
    return smallest if smallest < _UNLIMITED_BYTES else None


def _memory_groups(cgroups: Path, membership: Path) -> list[Path]:
    """Folders that may tell of this process's memory, the innermost group first.

    In a container the path that the kernel names may be the host's, while the container's own group is
    mounted at the root: what does not exist is skipped by the readers.
    """
    try:
        lines = [line.split(":", 2) for line in membership.read_text().splitlines()]
    except OSError:
        lines = []
    paths = {names: path.strip("/") for _, names, path in (line for line in lines if len(line) == 3)}
    old = next((path for names, path in paths.items() if "memory" in names.split(",")), None)
    root, path = (cgroups, paths.get("", "")) if old is None else (cgroups / "memory", old)
    inner = root / path
    return [inner, *(parent for parent in inner.parents if parent == root or root in parent.parents)]


def thread_count(pid: int) -> int:
    """Threads of a process, 0 where it is not told or the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rsplit(")", 1)[1].split()[17])
    except (OSError, ValueError, IndexError):
        return 0


def kill_descendants(keep: int | None = None) -> None:
    """Ends every process below this one but the child `keep`, which has no children.

    Orphans become this one's children: it is PID 1 or a subreaper.
    """
    while _reap(keep):
        for pid in _descendants(os.getpid()):
            if pid != keep:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)  # for them to die


def _reap(keep: int | None) -> bool:
    """Collects the dead; whether another child than `keep` lives. Without one no descendant does either."""
    living = False
    for pid in _children():
        if pid != keep:
            with suppress(ChildProcessError):
                living |= os.waitpid(pid, os.WNOHANG)[0] == 0
    return living


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return list(map(int, file.read().split()))
    except OSError:  # not every kernel has the list
        return [pid for pid, parent in _parents(dead="X").items() if parent == os.getpid()]


def _descendants(root: int) -> list[int]:
    parents = _parents()
    found, todo = [], [root]
    while todo:
        parent = todo.pop()
        children = [pid for pid, its in parents.items() if its == parent]
        found += children
        todo += children
    return found


def _parents(dead: str = "ZX") -> dict[int, int]:
    """Parent of each process in no state of `dead`; empty where there is no /proc."""
    parents = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in dead:
            parents[int(name)] = int(parent)
    return parents
