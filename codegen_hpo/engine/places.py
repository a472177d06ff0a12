"""Where the trials of a run are trained: on this machine, or on those of a Ray cluster."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

from codegen_hpo.cluster.connection import Needs, Node, connected, living_nodes, read_workers
from codegen_hpo.cluster.node import Wish
from codegen_hpo.cluster.sandbox import RaySandbox
from codegen_hpo.engine.capacity import Capacity, Shares, read_capacity, share
from codegen_hpo.engine.parts import find_sandbox
from codegen_hpo.engine.settings import Settings
from codegen_hpo.errors import ConfigError
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.devices import names_one, read_device
from codegen_hpo.sandbox.limits import Limits

FindSandbox = Callable[[str | Sandbox, Settings, bool], Sandbox]


class Places(NamedTuple):
    """The places of a run, while its machines are at hand."""

    shares: Shares
    sandbox: FindSandbox  # given its name, the settings, and whether all code comes with this package


class Asked(NamedTuple):
    """What the user says of a run's trainings; the rest is chosen."""

    device: str
    memory_bytes: int
    parallel: int | None
    threads: int | None
    folds: int

    def share(self, capacity: Capacity, parallel: int | None = None) -> Shares:
        """The shares on one machine."""
        return share(
            capacity,
            device=self.device,
            memory_bytes=self.memory_bytes,
            parallel=self.parallel or parallel,
            threads=self.threads,
            folds=self.folds,
        )


@contextmanager
def places(workers: str | None, asked: Asked) -> Iterator[Places]:
    """The places for a run's trainings.

    Args:
        workers: None for this machine as it is; a number for a Ray cluster of so many workers that is started
            on it; or the address of a cluster.

    Raises:
        ConfigError: the choice cannot be.
        SandboxError: there is no such cluster.
    """
    here = read_capacity(visible=os.environ.get("CUDA_VISIBLE_DEVICES"))
    alone = asked.share(here)
    if workers is None:
        yield Places(alone, find_sandbox)
        return
    if names_one(asked.device):
        raise ConfigError(
            f"device {asked.device} is one GPU, and the cluster hands its GPUs out",
            hint="give --device cuda, auto or cpu",
        )
    where = read_workers(workers)
    threads = asked.share(here, where).threads if isinstance(where, int) else asked.threads or 1
    with connected(where, Needs(threads, 0, asked.memory_bytes)):
        nodes = living_nodes()
        kind = read_device(asked.device).kind
        gpus = int(kind == "cuda" or (kind == "auto" and any(node.gpus for node in nodes)))
        shares = cluster_shares(nodes, asked, gpus) if isinstance(where, str) else asked.share(here, where)
        needs = Needs(shares.threads, gpus, asked.memory_bytes)
        if not any(map(needs.fit, nodes)):
            raise ConfigError(
                f"no machine of the cluster has {needs.text()}, which a trial is to have",
                hint="change --threads, --memory or --device",
            )
        made: list[RaySandbox] = []
        try:
            yield Places(shares, partial(_on_cluster, needs, made))
        finally:
            for sandbox in made:
                sandbox.close()


def cluster_shares(nodes: Sequence[Node], asked: Asked, gpus: int) -> Shares:
    """As many trainings at once as all machines have places for, each machine shared as if it were alone.

    All of them have the same number of threads: that of the machine that gives the fewest.
    """
    fitting = [node for node in nodes if Needs(asked.threads or 1, gpus, asked.memory_bytes).fit(node)]
    alone = [
        asked._replace(parallel=None, folds=1).share(
            Capacity(int(node.cpus), int(node.memory_bytes), int(node.gpus) if gpus else 0)
        )
        for node in fitting
    ]
    if not alone:
        return Shares(asked.parallel or 1, asked.threads or 1)
    parallel = asked.parallel or sum(one.parallel for one in alone)
    return Shares(
        min(parallel, asked.folds) if asked.folds > 1 else parallel, min(one.threads for one in alone)
    )


def _on_cluster(
    needs: Needs, made: list[RaySandbox], name: str | Sandbox, settings: Settings, ours: bool
) -> Sandbox:
    """The sandbox called so, opened by each machine on itself."""
    if not isinstance(name, str):
        raise ConfigError(
            "a sandbox of your own is on this machine, and workers are others",
            hint="name it: docker, none, …",
        )
    limits = Limits(memory_bytes=settings.memory_bytes, cpus=settings.threads)
    wish = Wish(
        sandbox=name,
        trusted=ours,
        unsafe=settings.unsafe,
        device=read_device(settings.device).kind if needs.gpus else "cpu",
        limits=limits,
        most_idle=max(2, settings.folds),
        version=version("codegen-hpo"),
    )
    made.append(RaySandbox(wish, needs))
    return made[-1]
