"""What a trial's container is allowed, and whose it is."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.types import LogConfig, Mount, Ulimit

from codegen_hpo.sandbox.limits import Limits

LABEL, OWNER = "org.codegen-hpo", "org.codegen-hpo.owner"
RUNTIME_VARIABLE = "CODEGEN_HPO_DOCKER_RUNTIME"
FOLDER = "/data"  # where a worker looks for its bundle
NOBODY = "65534:65534"
_SERVER_PROCESSES = 16  # the worker itself, its threads, and the children that it asks about CUDA


def container_options(mount: Mount, bundle_bytes: int, limits: Limits) -> dict[str, Any]:
    """The keywords of `containers.create` for one worker: nothing writable, no network, no capability.

    The environment variable CODEGEN_HPO_DOCKER_RUNTIME names another runtime of the engine, `runsc` (gVisor)
    for example, which puts a kernel of its own between a trial and the host's.

    Args:
        mount: the bundle.
        bundle_bytes: its size: a bundle is mapped into memory, so that its pages count in the limit.
        limits: what the worker may use.
    """
    options = hardened(
        memory_bytes=limits.memory_bytes + bundle_bytes,
        processes=limits.processes + _SERVER_PROCESSES,
        cpus=limits.cpus,
        open_files=1024,
    )
    return options | {"user": NOBODY, "ipc_mode": "none", "mounts": [mount]}


def hardened(*, memory_bytes: int, processes: int, cpus: float | None, open_files: int) -> dict[str, Any]:
    """The keywords that every container of ours has: limits, no network, no capability, a read-only root."""
    options: dict[str, Any] = {
        "stdin_open": True,  # and closed with the first client: a PID 1 that reads it ends with its host
        "init": False,  # ours is PID 1: nobody in the container can kill it
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": memory_bytes,
        "memswap_limit": memory_bytes,
        "pids_limit": processes,
        "ulimits": [
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="nofile", soft=open_files, hard=open_files),
        ],
        "log_config": LogConfig(type="none"),
        "auto_remove": True,
        "labels": own_labels(),
    }
    if cpus is not None:
        options["nano_cpus"] = int(cpus * 1e9)
    if runtime := os.environ.get(RUNTIME_VARIABLE):
        options["runtime"] = runtime
    return options


def bind(bundle: Path) -> Mount:
    """The host's folder, read-only."""
    # not `volumes`, which makes a missing folder on the host
    return Mount(FOLDER, str(bundle.resolve()), type="bind", read_only=True)


def own_labels() -> dict[str, str]:
    """What containers and volumes of this process are marked with."""
    return {LABEL: "1", OWNER: _owner(os.getpid())}


def is_orphan(labels: Mapping[str, str] | None) -> bool:
    """Whether the process that made it was one of this machine, and is no more."""
    owner = (labels or {}).get(OWNER, "")
    machine, _, pid = owner.rpartition("/")[0].rpartition("/")
    # another machine's processes cannot be seen from here
    return machine == socket.gethostname() and pid.isdigit() and _owner(int(pid)) != owner


def _owner(pid: int) -> str:
    """Machine, process and its start: a number alone is soon another process's."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        started = stat.rpartition(")")[2].split()[19]
    except OSError:
        started = "gone" if os.path.isdir("/proc") else "unknown"
    return f"{socket.gethostname()}/{pid}/{started}"
