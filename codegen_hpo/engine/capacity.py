"""What this machine has for trials, and how trials that run side by side share it."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.sandbox.devices import names_one, read_device

MOST_AT_ONCE = 4  # trials on CPUs: each is proposed without the results of those beside it
MOST_THREADS = 4  # of a trial: networks for tables have too little arithmetic in a step for more


class Capacity(NamedTuple):
    """What processes of this user can have now."""

    cores: int
    memory_bytes: int | None  # not in use; None where the system does not say
    gpus: int


class Shares(NamedTuple):
    parallel: int  # trainings at once
    threads: int  # of each


def share(
    capacity: Capacity,
    *,
    device: str,
    memory_bytes: int,
    parallel: int | None = None,
    threads: int | None = None,
    folds: int = 1,
) -> Shares:
    """How many trainings run at once, and with how many threads each; what is given stays as it is.

    With folds, they are those of one trial: no more than there are, and each needs no result of the others.

    One trial a GPU. Without one, as many as there are cores, four at most: two trainings side by side with a
    thread each took 0.40 to 0.60 of what they took one after the other with two threads (the cookbook's plr
    on 6,400 taxi trips, two busy cores, medians of three). Never more than there is memory for, should each
    use all that it may.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:1".
        memory_bytes: that one trial may use.

    Raises:
        ConfigError: a number below 1 is given.
    """
    for name, given in (("parallel", parallel), ("threads", threads)):
        if given is not None and given < 1:
            raise ConfigError(f"{name} is {given}, expected 1 or more")
    if parallel is None:
        of_memory = capacity.memory_bytes // memory_bytes if capacity.memory_bytes is not None else None
        gpus = _gpus(capacity, device)
        wanted = gpus or min(MOST_AT_ONCE if folds == 1 else folds, capacity.cores // (threads or 1))
        parallel = max(1, wanted if of_memory is None else min(wanted, of_memory))
    if folds > 1:
        parallel = min(parallel, folds)
    return Shares(parallel, threads or max(1, min(MOST_THREADS, capacity.cores // parallel)))


def devices(capacity: Capacity, device: str, parallel: int) -> list[str]:
    """The device of each worker in turn: every GPU has its own, where several trials run at once."""
    gpus = min(_gpus(capacity, device), parallel)
    return [f"{device}:{gpu}" for gpu in range(gpus)] if gpus > 1 else [device]


def read_capacity(root: Path = Path("/"), visible: str | None = None) -> Capacity:
    """The capacity of this machine, or of the container that this process is in.

    Args:
        root: where `proc` and `sys` are found.
        visible: the user's CUDA_VISIBLE_DEVICES.
    """
    return Capacity(_cores(root), _memory_bytes(root), _present_gpus(root, visible))


def _gpus(capacity: Capacity, device: str) -> int:
    """How many GPUs the device allows: all, the one that it names, or none.

    Who asks for CUDA has one, also where the driver keeps no list of them (WSL 2).
    """
    kind = read_device(device).kind
    if kind == "cpu":
        return 0
    present = max(capacity.gpus, int(kind == "cuda"))
    return min(1, present) if names_one(device) else present


def _cores(root: Path) -> int:
    """Those that this process may use, by its affinity and by the quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    group = root / "sys/fs/cgroup"
    quota, _, period = _text(group / "cpu.max").partition(" ")  # version 2 of control groups
    if not period:
        quota, period = (_text(group / f"cpu/cpu.cfs_{name}_us") for name in ("quota", "period"))
    if quota.isdigit() and period.isdigit() and int(period):
        cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def _memory_bytes(root: Path) -> int | None:
    """What is available on the machine, or left in the control group, if that is less."""
    lines = _text(root / "proc/meminfo").splitlines()
    available = [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
    group = root / "sys/fs/cgroup"
    for limit, used, statistics in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),  # version 1
    ):
        most, now = _text(group / limit), _text(group / used)
        if most.isdigit() and now.isdigit():
            # what was read from files is given back when it is needed
            told = re.findall(r"^(?:total_)?inactive_file (\d+)$", _text(group / statistics), re.MULTILINE)
            available.append(max(0, int(most) - int(now) + max(map(int, told), default=0)))
    return min(available, default=None)


def _present_gpus(root: Path, visible: str | None) -> int:
    """NVIDIA's, as the driver lists them, that CUDA_VISIBLE_DEVICES leaves visible."""
    folder = root / "proc/driver/nvidia/gpus"
    present = len(list(folder.iterdir())) if folder.is_dir() else 0
    if visible is None:
        return present
    allowed = 0
    for entry in visible.split(","):
        if entry.strip() in ("", "-1"):  # the driver reads up to the first that is none
            break
        allowed += 1
    return min(present, allowed)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
