"""Where a run's code is executed: what the sandbox has, and the workers in it."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from codegen_hpo.engine.capacity import read_capacity
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.worker import Crew, Crews, Team
from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.base import Hello, Sandbox

_IDLE_BYTES = 512 << 20  # of a worker that waits for its first job


class Machine:
    """The workers of a run, and what the first of them said of itself.

    Args:
        bundles: what the workers see: one, or that of each fold.
    """

    def __init__(
        self, settings: Settings, journal: Journal, sandbox: Sandbox, bundles: Sequence[Path]
    ) -> None:
        self._settings, self._journal = settings, journal
        self._hello = Hello(python="", torch="", cuda="")
        openers = [partial(sandbox.open, bundle) for bundle in bundles]
        self._crews = Crews(
            lambda: Crew(openers, self._met, size=settings.parallel, at_once=settings.folds_at_once)
        )

    def crew(self, candidate: str) -> Crew:
        """The workers of the candidate, which no other one meets."""
        return self._crews.of(candidate)

    def prepare(self) -> None:
        """Begins to open the workers of the candidate that comes next, where there is memory for them."""
        free = read_capacity().memory_bytes
        if free is None or free > self._settings.parallel * self._settings.folds * _IDLE_BYTES:
            self._crews.prepare()

    def keep(self, candidate: str) -> None:
        """Closes the workers of all other candidates."""
        self._crews.keep(candidate)

    def close(self) -> None:
        """Closes all workers. May be called twice."""
        self._crews.close()

    def meet(self, worker: Team) -> None:
        """Learns what the sandbox has before a model is paid: one that cannot start ends the run here."""
        data = self._journal.once("sandbox", "", lambda: asdict(worker.hello))
        self._hello = Hello(**data)

    def device(self, hello: Hello) -> str:
        """The device on which the worker that said this trains: "cpu" or "cuda"."""
        return "cuda" if self._settings.device != "cpu" and hello.cuda else "cpu"

    def text(self) -> str:
        """What a trial has, in words: "CPU, 2 threads"."""
        if self.device(self._hello) == "cpu":
            threads = self._settings.threads
            return f"CPU, {threads} {'thread' if threads == 1 else 'threads'}"
        return f"{self._hello.cuda}, {self._hello.cuda_memory_bytes / 2**30:.0f} GiB"

    def _met(self, hello: Hello) -> None:
        """Takes note of a worker that is another one than the run began with, as after a move."""
        if self._settings.device.startswith("cuda") and not hello.cuda:
            raise SandboxError(
                f"device {self._settings.device} is asked for, the {hello.sandbox} sandbox has none",
                hint="codegen-hpo doctor tells what is missing; --device auto takes the CPU",
            )
        first = self._journal.folder.find("sandbox", "")
        if first and (first.data.get("sandbox"), first.data["cuda"]) != (hello.sandbox, hello.cuda):
            self._journal.note("sandbox_changed", "", asdict(hello))
