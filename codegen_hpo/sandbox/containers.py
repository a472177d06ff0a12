"""What a trial's container is allowed, and the removal of those whose owner died."""

import logging
import os
import socket
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from codegen_hpo.sandbox.limits import Limits

LABEL, OWNER = "org.codegen-hpo", "org.codegen-hpo.owner"
_log = logging.getLogger(__name__)


def container_options(bundle: Path, limits: Limits, device: str) -> dict[str, Any]:
    """The keywords of `containers.create` for one worker: nothing writable, no network, no capability."""
    memory = limits.memory_bytes + sum(file.stat().st_size for file in bundle.iterdir() if file.is_file())
    options: dict[str, Any] = {
        "stdin_open": True,  # and closed with the first client: the worker ends with its host
        "init": False,  # the worker is PID 1: nobody in the container can kill or trace it
        "user": "65534:65534",
        "network_mode": "none",
        "read_only": True,
        "ipc_mode": "none",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": memory,
        "memswap_limit": memory,
        "pids_limit": limits.processes,
        "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=1024, hard=1024)],
        # not `volumes`, which makes a missing folder on the host
        "mounts": [Mount("/data", str(bundle.resolve()), type="bind", read_only=True)],
        "log_config": LogConfig(type="none"),
        "auto_remove": True,
        "labels": {LABEL: "1", OWNER: _owner(os.getpid())},
    }
    if limits.cpus is not None:
        options["nano_cpus"] = int(limits.cpus * 1e9)
    if device.startswith("cuda"):
        options["device_requests"] = [DeviceRequest(count=-1, capabilities=[["gpu"]])]
    return options


def sweep_orphans(client: docker.DockerClient) -> int:
    """Removes the containers of this machine's runs that are no more; how many there were."""
    removed = 0
    for container in client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL}):
        owner = container.labels.get(OWNER, "")
        machine, _, pid = owner.rpartition("/")[0].rpartition("/")
        # another machine's processes cannot be seen from here
        if machine != socket.gethostname() or not pid.isdigit() or _owner(int(pid)) == owner:
            continue
        try:
            container.remove(force=True)
            removed += 1
        except NotFound:
            pass
        except APIError as error:
            _log.warning("an old container cannot be removed: %s", error)
    return removed


def _owner(pid: int) -> str:
    """Machine, process and its start: a number alone is soon another process's."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        started = stat.rpartition(")")[2].split()[19]
    except OSError:
        started = "gone" if os.path.isdir("/proc") else "unknown"
    return f"{socket.gethostname()}/{pid}/{started}"
