"""What Linux and the Docker engine tell of processes: whom a run started, what they hold, who is left."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def below(pid: int) -> list[int]:
    """The processes below one, by Linux's own lists; none elsewhere."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *below(child)]
    return found


def alive(pid: int) -> bool:
    """Whether a process runs: one that nobody waits for any more is a zombie, and dead."""
    return _state(pid) not in ("Z", "X", "")


def is_zombie(pid: int) -> bool:
    return _state(pid) == "Z"


def working_on(name: str) -> list[int]:
    """The processes that have the name in their command or among their mounts, in a container too."""
    word, found = os.fsencode(name), []
    for process in Path("/proc").glob("[0-9]*"):
        if any(word in _read(process / file) for file in ("cmdline", "mountinfo")):
            found.append(int(process.name))
    return [pid for pid in found if pid != os.getpid()]


def descriptors(pid: int) -> int:
    """How many files the process has open; 0 where this user may not look."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def resident_bytes(pid: int) -> int:
    """The process's memory; 0 if it is gone."""
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(b"VmRSS"))


def none_left(still_there: Callable[[], list[Any]], patience_s: float = 15.0) -> list[Any]:
    """What is there even after some patience: nothing, if all is well."""
    deadline = time.monotonic() + patience_s
    while (left := still_there()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def kept_by_engine(owners: Iterable[int]) -> list[str]:
    """The containers and volumes that the Docker engine of the environment keeps for these processes."""
    import docker

    from codegen_hpo.sandbox.containers import LABEL, OWNER

    client = docker.from_env()
    try:
        containers = client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL})
        kept = {f"container {one.id}": one.labels for one in containers}
        for volume in client.volumes.list(filters={"label": LABEL}):
            kept[f"volume {volume.id}"] = volume.attrs["Labels"]
    finally:
        client.close()
    numbers = set(map(str, owners))
    return [name for name, labels in kept.items() if labels[OWNER].split("/")[1] in numbers]


def _state(pid: int) -> str:
    """The letter that ps shows; empty if there is no such process."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].strip()[:1].decode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
