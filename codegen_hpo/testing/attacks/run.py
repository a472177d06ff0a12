"""Runs programs against one sandbox, a control trial after each, and says which were contained."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.testing.attacks.attack import Attack
from codegen_hpo.testing.attacks.census import Census, take_census
from codegen_hpo.testing.attacks.gates import text_faults, told_faults
from codegen_hpo.testing.attacks.judge import Fingerprint, Judgement, fingerprint, hide_labels, judge
from codegen_hpo.testing.attacks.observers import Observers
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import sample_source

_SHORT = 4  # characters
_CONTROL_S = 30.0
_SETTLE_S = 2.0  # for a process that is being ended to be gone


class Result(NamedTuple):
    """What became of one program in one sandbox."""

    name: str
    category: str
    contained: bool
    how: str  # status and error, shortened
    faults: tuple[str, ...]  # why it was not contained
    seconds: float


class Report(NamedTuple):
    """All programs in one sandbox."""

    sandbox: str
    python: str
    torch: str
    results: tuple[Result, ...]
    left: str  # what was there after the worker was closed; empty when nothing
    seconds: float

    @property
    def contained(self) -> bool:
        """Whether every program was, and nothing is left of the worker."""
        return not self.left and all(result.contained for result in self.results)


Tell = Callable[[Result], None]


def run_attacks(sandbox: Sandbox, attacks: Iterable[Attack], tell: Tell = lambda result: None) -> Report:
    """The report on all `attacks`, run one after another in one worker of `sandbox`.

    `sandbox` should have `sandbox_cases.CASE_LIMITS`. Raises SandboxError when it cannot be opened.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-attacks-") as place, Observers() as observers:
        bundle = write_sample_bundle(Path(place) / "bundle")
        labels = hide_labels(bundle)
        worker = sandbox.open(bundle)
        try:
            range_ = _Range(sandbox, worker, observers, labels, bundle)
            results = []
            for attack in attacks:
                results.append(range_.run(attack))
                tell(results[-1])
        finally:
            worker.close()
        left = _left(sandbox, observers.victim)
    seconds = time.monotonic() - began
    return Report(sandbox.name, worker.hello.python, worker.hello.torch, tuple(results), left, seconds)


class _Range:
    """One open worker with observers around it, and the control trial's outcome of before."""

    def __init__(
        self,
        sandbox: Sandbox,
        worker: Worker,
        observers: Observers,
        labels: NDArray[np.float64],
        bundle: Path,
    ) -> None:
        self._sandbox, self._worker, self._observers, self._labels = sandbox, worker, observers, labels
        self._rows = {"rows": str(len(labels)), "bundle": str(bundle)}
        self._expected = fingerprint(self._control())
        if self._expected.status != "ok":
            raise AssertionError(f"the control trial fails without any attack: {self._expected.rest[0]}")
        self._census = take_census(sandbox, observers.victim)

    def run(self, attack: Attack) -> Result:
        """The result of one program and of the control trial after it."""
        began = time.monotonic()
        source = attack.written({**self._observers.bait, **self._rows})
        seconds = 0.0
        try:
            outcome = self._worker.run(Job(kind="train", source=source, timeout_s=attack.timeout_s))
            seconds = time.monotonic() - began
            faults = [*told_faults(outcome), *text_faults(attack.source), *self._control_faults()]
        # whatever a program makes the host raise is the very thing that is looked for
        except Exception as error:
            outcome = Outcome(status="error", error=f"{type(error).__name__}: {error}"[:500])
            faults = [f"the host raised {type(error).__name__}: {error}"[:200]]
        faults += self._census_faults() + self._observers.breaches()
        judged: Judgement = judge(attack, outcome, self._labels, self._observers.secret, faults)
        seconds = seconds or time.monotonic() - began
        told = tuple(self._masked(fault) for fault in judged.faults)
        return Result(attack.name, attack.category, not told, self._masked(judged.how), told, seconds)

    def _masked(self, text: str) -> str:
        """The text without this machine's paths: a table of results is to be shown to others."""
        places = {**self._observers.bait, **self._rows, "secret": self._observers.secret}
        places |= {"python": sys.base_prefix, "prefix": sys.prefix, "here": str(Path.cwd())}
        places["home"] = str(Path.home())
        for name, value in sorted(places.items(), key=lambda item: -len(item[1])):
            if len(value) > _SHORT:  # a port or the root folder would be found where it is not meant
                text = text.replace(value, f"${name}")
        return text

    def _control(self) -> Outcome:
        return self._worker.run(Job(kind="train", source=sample_source(), timeout_s=_CONTROL_S))

    def _control_faults(self) -> list[str]:
        outcome = self._control()
        found: Fingerprint = fingerprint(outcome)
        if found == self._expected:
            return []
        if found.status != "ok":
            return [f"the control trial after it: {outcome.status} {outcome.error}"[:200]]
        changed = [name for name in found._fields if getattr(found, name) != getattr(self._expected, name)]
        return [f"the control trial after it differs in {', '.join(changed)}"]

    def _census_faults(self) -> list[str]:
        census = _settled(self._sandbox, self._observers.victim, self._census)
        if census == self._census:
            return []
        before, self._census = self._census, census
        faults = []
        if census.workers != before.workers:
            faults.append("the worker was replaced")
        if census.processes > before.processes:
            faults.append(f"{census.processes - before.processes} processes are left over")
        return faults


def _settled(sandbox: Sandbox, victim: int, expected: Census) -> Census:
    """The census, once it is as expected or time is up: what is killed takes a moment to go."""
    end = time.monotonic() + _SETTLE_S
    while (census := take_census(sandbox, victim)) != expected and time.monotonic() < end:
        time.sleep(0.1)
    return census


def _left(sandbox: Sandbox, victim: int) -> str:
    census = _settled(sandbox, victim, Census(frozenset(), 0))
    return f"{len(census.workers)} workers with {census.processes} processes" if census.processes else ""
