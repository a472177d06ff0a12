"""A sandbox whose jobs are tasks of a Ray cluster, each on whichever machine has room for it."""

import secrets
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from codegen_hpo.cluster.bundle_copy import forget, pack
from codegen_hpo.cluster.connection import Needs, node_ids
from codegen_hpo.cluster.faults import LostError, answering
from codegen_hpo.cluster.node import Wish, answer
from codegen_hpo.cluster.worker import Greeting, Pulse, RayWorker
from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.bundle_facts import read_bundle_facts

_FORGET_S = 10.0  # that the end of a run waits until the machines have removed the bundle


class RaySandbox:
    """A sandbox on many machines; this process is connected to their cluster.

    Args:
        wish: which sandbox each of them opens.
        needs: of one job.
    """

    def __init__(self, wish: Wish, needs: Needs) -> None:
        import ray

        self.name = wish.sandbox
        self._wish, self._needs = wish, needs
        self._task = ray.remote(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            memory=needs.memory_bytes,
            max_retries=0,  # whether a job is tried again is decided here
            max_calls=0,  # a process that had a GPU is used again, too: it never touches the GPU itself
        )(answer)
        self._lock = threading.Lock()
        self._bundles: dict[Path, tuple[str, list[Any]]] = {}
        self._greeting, self._pulse = Greeting(), Pulse()

    def open(self, bundle: Path) -> RayWorker:
        """A worker; see `base.Sandbox`. Its `hello` waits until a machine has opened its own sandbox."""
        import ray

        shape = read_bundle_facts(bundle).shape
        with self._lock, answering():
            if bundle not in self._bundles:
                self._bundles[bundle] = secrets.token_hex(16), [ray.put(pack(bundle))]
            key, files = self._bundles[bundle]
            start = partial(self._task.remote, self._wish, key, files)
            return RayWorker(start, shape, self._needs, self._greeting, self._pulse)

    def close(self) -> None:
        """Has the bundles removed from the machines."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # where the cluster is gone, the next run there removes what is left
        with suppress(SandboxError, LostError), answering():
            tasks = [
                ray.remote(
                    num_cpus=0,
                    max_retries=0,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
                )(forget).remote(key)
                for node in node_ids()
                for key, _ in self._bundles.values()
            ]
            if tasks:
                ray.wait(tasks, num_returns=len(tasks), timeout=_FORGET_S)
        self._bundles.clear()
