"""The first back end that really works: tried when a worker is first needed, best first."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello, Sandbox, Worker
from codegen_hpo.sandbox.bundle_facts import read_bundle_facts
from codegen_hpo.sandbox.plain_text import short


class Ladder:
    """A sandbox that is the first of several whose worker starts.

    What a back end needs, an image or a kernel's permission, is only known when a worker has started.
    The choice is kept: a run does not move to another wall.

    Args:
        rungs: what makes each back end, by name, the best first.
        fixes: what the user can do where none works.
    """

    def __init__(self, rungs: Mapping[str, Callable[[], Sandbox]], fixes: str) -> None:
        self._rungs, self._fixes = dict(rungs), fixes
        self.name = "auto"  # until one was chosen
        self._chosen: Sandbox | None = None
        self._passed: tuple[str, ...] = ()

    def open(self, bundle: Path) -> Worker:
        """A warm worker, whose notices tell which back ends were passed over. Raises SandboxError."""
        if self._chosen is not None:
            return _Noted(self._chosen.open(bundle), self._passed)
        read_bundle_facts(bundle)  # a broken one is no back end's fault
        passed: list[str] = []
        for name, make in self._rungs.items():
            try:
                sandbox = make()
                worker = sandbox.open(bundle)
            except SandboxError as error:
                passed.append(f"{name}: {' '.join(short(str(error)).split())}")
                continue
            self._chosen, self.name = sandbox, sandbox.name
            self._passed = tuple(f"passed over {reason}" for reason in passed)
            return _Noted(worker, self._passed)
        reasons = "".join(f"\n  {reason}" for reason in passed)
        raise SandboxError(f"no sandbox for code that a model wrote works here:{reasons}", hint=self._fixes)


class _Noted:
    """A worker with more notices in its hello."""

    def __init__(self, worker: Worker, notices: tuple[str, ...]) -> None:
        self._worker, self._notices = worker, notices

    @property
    def hello(self) -> Hello:
        hello = self._worker.hello
        return replace(hello, notices=(*self._notices, *hello.notices))

    def run(self, job: Job) -> Outcome:
        return self._worker.run(job)

    def close(self) -> None:
        self._worker.close()
