"""Which processes and containers a sandbox has running: what a program leaves shows in their number."""

import os
from pathlib import Path
from typing import NamedTuple

from codegen_hpo.sandbox.base import Sandbox


class Census(NamedTuple):
    workers: frozenset[str]  # what was started from here: another one means that a worker died
    processes: int  # all below them


def take_census(sandbox: Sandbox, apart: int) -> Census:
    """The processes below this one but `apart`; for docker the containers of this process."""
    if sandbox.name == "docker":
        return _containers()
    return _children(apart)


def _children(apart: int) -> Census:
    parents = _parents()
    first = {
        pid for pid, parent in parents.items() if parent == os.getpid() and pid != apart and _serves(pid)
    }
    found, todo = set(first), list(first)
    while todo:
        parent = todo.pop()
        below = {pid for pid, its in parents.items() if its == parent} - found
        found |= below
        todo += below
    return Census(frozenset(map(str, first)), len(found))


def _serves(pid: int) -> bool:
    """Whether it is a sandbox's process; the checker of texts is another child of the host."""
    try:
        return b"worker.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _parents() -> dict[int, int]:
    """Parent of each process that is not a zombie; empty where there is no /proc."""
    parents = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not name.isdigit():
            continue
        try:
            state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in "ZX":
            parents[int(name)] = int(parent)
    return parents


def _containers() -> Census:
    import docker

    from codegen_hpo.sandbox.containers import LABEL

    client = docker.from_env()
    try:
        mine = [
            container
            for container in client.containers.list(filters={"label": LABEL}, ignore_removed=True)
            if any(f"/{os.getpid()}/" in value for value in container.labels.values())
        ]
        count = sum(len(container.top()["Processes"] or ()) for container in mine)
    finally:
        client.close()
    return Census(frozenset(str(container.short_id) for container in mine), count)
