"""A Ray cluster: found or started, and what its machines have."""

import logging
import os
import re
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, NamedTuple

from codegen_hpo.errors import ConfigError, SandboxError

_REACH_S = 10.0  # for a connection to the cluster's port
_ADDRESS = re.compile(r"auto|(ray://)?[\w.\-\[\]:]*[\w.\-\]]:\d{1,5}")


class Node(NamedTuple):
    """What one machine of the cluster has in all."""

    cpus: float
    gpus: float
    memory_bytes: float


class Needs(NamedTuple):
    """What one training asks the cluster for."""

    cpus: int
    gpus: int
    memory_bytes: int

    def fit(self, node: Node) -> bool:
        """Whether the machine could ever run one."""
        return all(need <= there for need, there in zip(self, node, strict=True))

    def text(self) -> str:
        """ "2 CPUs, 1 GPU and 4.0 GiB of memory"."""
        gpus = f", {self.gpus} GPU" if self.gpus else ""
        cpus = "1 CPU" if self.cpus == 1 else f"{self.cpus} CPUs"
        return f"{cpus}{gpus} and {self.memory_bytes / 2**30:.1f} GiB of memory"


def read_workers(text: str) -> int | str:
    """How many workers to start on this machine, or the address of a cluster. Raises ConfigError."""
    if text.isdigit() and int(text) > 0:
        return int(text)
    if not _ADDRESS.fullmatch(text):
        raise ConfigError(
            f"workers are {text!r}",
            hint="write a number for this machine, ray://HOST:PORT, or auto on a machine of the cluster",
        )
    return text


@contextmanager
def connected(workers: int | str, needs: Needs) -> Iterator[None]:
    """A connection to the cluster, or to one with so many places that is started here, and ended again.

    A connection that this process has already is used and left as it is.

    Raises:
        ConfigError: Ray is not installed.
        SandboxError: there is no such cluster.
    """
    if find_spec("ray") is None:
        raise ConfigError("workers need Ray, which is not installed", hint="pip install 'codegen-hpo[ray]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of its use
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        if isinstance(workers, int):
            ray.init(
                address="local",
                num_cpus=workers * needs.cpus,
                _memory=workers * needs.memory_bytes,
                include_dashboard=False,
                _system_config=_ORDINARY,
                **_QUIET,
            )
        else:
            _reach(workers)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        where = "on this machine" if isinstance(workers, int) else f"at {workers}"
        raise SandboxError(
            f"there is no Ray cluster {where}: {' '.join(str(error).split())[:300]}",
            hint="start one (ray start --head); one with a token is reached with RAY_AUTH_MODE=token; "
            "Ray and Python have the same versions there and here",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Connects. A server that answers and then fails is asked once more.

    That of Ray 2.60 forks a process for each client beside threads of gRPC, and some die of it ("epoll_wait
    error: Bad file descriptor").
    """
    import ray

    if address != "auto":  # Ray looks for a machine that is not there for half a minute
        host, _, port = address.removeprefix("ray://").rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    with warnings.catch_warnings(action="ignore"):  # it warns of what it then raises
        try:
            ray.init(address=address, **_QUIET)
        except ConnectionAbortedError:
            ray.init(address=address, **_QUIET)


def living_nodes() -> list[Node]:
    """The cluster's machines."""
    return [_node(told["Resources"]) for told in _living()]


def node_ids() -> list[str]:
    """Ray's names of the same."""
    return [str(told["NodeID"]) for told in _living()]


def _living() -> list[dict[str, Any]]:
    import ray

    return [told for told in ray.nodes() if told["Alive"]]


def _node(resources: Mapping[str, Any]) -> Node:
    return Node(*(float(resources.get(name, 0.0)) for name in ("CPU", "GPU", "memory")))


_QUIET = {"log_to_driver": False, "logging_level": logging.ERROR}
# Ray 2.60 gives its workers a niceness of 15: whatever else the machine does would starve them
_ORDINARY = {"worker_niceness": 0}
