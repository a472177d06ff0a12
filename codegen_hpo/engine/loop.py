"""The main loop, as 2312.04528 (section 4.2) tells it: write, check, dry-run, tune, score, record.

Read `Search.run` first. Everything that costs something goes through the journal, so the same loop carries an
interrupted run on; nothing here knows whether it is the first session of a run or the third.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from codegen_hpo.author.base import Author, Brief, Draft
from codegen_hpo.contract import code_frame, dry_run_findings, read_candidate_apart
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import Ending, Spent, check_budget
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.tuning import Tuning
from codegen_hpo.engine.worker import Crew, LazyWorker
from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Candidate, Finding, Job, Trial
from codegen_hpo.sandbox.base import Hello, Sandbox, Worker
from codegen_hpo.store import codec
from codegen_hpo.task import Task
from codegen_hpo.tuner.base import NoProposal


class Checked(NamedTuple):
    candidate: Candidate | None
    findings: tuple[Finding, ...]


@dataclass(kw_only=True)
class Search:
    """One run's search for a function and its arguments."""

    task: Task
    settings: Settings
    author: Author
    sandbox: Sandbox
    tuning: Tuning
    journal: Journal
    letters: Correspondence | None
    bundle: Path
    candidates: list[Candidate] = field(default_factory=list)
    _machine: Hello = field(default_factory=lambda: Hello(python="", torch="", cuda=""))

    def run(self) -> Ending:
        """Searches until a limit is reached, or nothing more can be tried."""
        try:
            for number in range(1, self.settings.candidates + 1):
                with self._crew() as crew:
                    self._meet(crew.first)
                    candidate = self._write(number, crew.first)
                    if candidate:
                        self.tuning.tune(candidate, self.settings.explore, crew)
            if self.candidates:
                with self._crew() as crew:
                    self.tuning.tune(self._leader(), None, crew)
        except Spent as spent:
            return Ending(str(spent), spent.limit)
        except NoProposal as exhausted:
            return Ending(str(exhausted), "")
        return Ending("every candidate was given up", "")

    def _meet(self, worker: Worker) -> None:
        """Learns what the sandbox has before a model is paid: one that cannot start ends the run here."""
        data = self.journal.once("sandbox", "", lambda: asdict(worker.hello))
        self._machine = Hello(**data)

    def _met(self, hello: Hello) -> None:
        """Takes note of a worker that is another one than the run began with, as after a move."""
        if self.settings.device.startswith("cuda") and not hello.cuda:
            raise SandboxError(
                f"device {self.settings.device} is asked for, the {hello.sandbox} sandbox has none",
                hint="codegen-hpo doctor tells what is missing; --device auto takes the CPU",
            )
        first = self.journal.folder.find("sandbox", "")
        if first and (first.data.get("sandbox"), first.data["cuda"]) != (hello.sandbox, hello.cuda):
            self.journal.note("sandbox_changed", "", asdict(hello))

    # -- write, check, dry-run ------------------------------------------------------------------

    def _write(self, number: int, worker: LazyWorker) -> Candidate | None:
        """A candidate that passed every gate and trained once at its defaults; None after all attempts."""
        name = f"c{number:02d}"
        times = self.tuning.times("candidate_failed", name, again=self.tuning.best() is None)
        attempt = self._earlier_attempts(name, times)
        for _ in range(self.settings.restarts + 1):
            previous: str | None = None
            findings: tuple[Finding, ...] = ()
            for _ in range(self.settings.repairs + 1):
                check_budget(self.settings.budget, self.journal.elapsed_s, self.tuning.trials)
                attempt += 1
                if not self.journal.recall("attempt", f"{name}/{attempt}"):
                    worker.warm()  # it starts while the author writes
                draft = self._draft(name, attempt, number, previous, findings)
                same = previous is not None and draft.source == previous
                if same and self.author.trusted:
                    return None  # our own function will not mend itself
                candidate, found = self._check(draft, name, attempt, worker)
                if candidate:
                    trial = self.tuning.try_defaults(candidate, worker)
                    if trial.loss is not None:
                        self.candidates.append(candidate)
                        return candidate
                    found = (_first_trial_finding(trial),)
                # a reply without a source leaves the complaints about the one before as they are
                findings = (_UNCHANGED, *found) if same else found if draft.source else found + findings
                previous = draft.source or previous
        self.journal.once("candidate_failed", f"{name}#{times}", lambda: {"attempts": attempt})
        return None

    def _earlier_attempts(self, name: str, times: int) -> int:
        """The attempts of sessions that gave this candidate up; their trials are taken over as they are."""
        if not times:
            return 0
        failed = self.journal.folder.find("candidate_failed", f"{name}#{times - 1}")
        assert failed is not None
        for event in self.journal.folder.of_kind("trial"):
            if event.data["candidate"] == name and event.number < failed.number:
                self.tuning.trials.append(codec.trial_from_json(event.data))
        return int(failed.data["attempts"])

    def _draft(
        self, name: str, attempt: int, number: int, previous: str | None, findings: tuple[Finding, ...]
    ) -> Draft:
        self._about(f"{name}/author/{attempt}")
        budget = self.settings.budget
        limits = [f"{budget.trials} trials"] if budget.trials else []
        limits += [f"{budget.seconds:.0f} s"] if budget.seconds else []
        brief = Brief(
            task=self.task,
            hardware=self._hardware(),
            budget=", ".join(limits) or "no fixed limit",
            number=number,
            existing=tuple(self.candidates),
            previous=previous,
            findings=findings,
            frame=code_frame(previous or "", findings) if findings else "",
            scores=tuple(self.tuning.best_score(candidate) for candidate in self.candidates),
        )
        return self.author.write(brief)

    def _hardware(self) -> str:
        if self.tuning.device(self._machine) == "cpu":
            threads = self.settings.threads
            return f"CPU, {threads} {'thread' if threads == 1 else 'threads'}"
        return f"{self._machine.cuda}, {self._machine.cuda_memory_bytes / 2**30:.0f} GiB"

    def _check(self, draft: Draft, name: str, attempt: int, worker: Worker) -> Checked:
        """Every gate in order; the attempt is recorded with what was found."""
        candidate, findings = None, draft.findings
        known = self.journal.recall("attempt", f"{name}/{attempt}")
        if known and known.data["findings"]:
            # as they were: a check that ran out of time then might not do so now
            return Checked(None, codec.findings_from_json(known.data["findings"]))
        if draft.source is not None:
            verdict = read_candidate_apart(draft.source, name=name, author=self.author.name)
            candidate, findings = verdict.candidate, draft.findings + verdict.findings
        if candidate and any(candidate.source == other.source for other in self.candidates):
            findings += (_TWIN,)
        if candidate and not findings:
            findings += self._dry_run(candidate, attempt, worker)
        if findings:
            candidate = None
        self.journal.once(
            "attempt", f"{name}/{attempt}", lambda: self._keep_attempt(draft, name, attempt, findings)
        )
        if candidate:
            self.journal.once("candidate", f"{name}/{attempt}", lambda: self._keep_candidate(candidate))
        return Checked(candidate, findings)

    def _dry_run(self, candidate: Candidate, attempt: int, worker: Worker) -> tuple[Finding, ...]:
        job = Job(
            kind="dry_run",
            source=candidate.source,
            points=tuple(candidate.space.corners()),
            seed=self.settings.seed,
            threads=self.settings.threads,
            timeout_s=120.0,
        )
        data = self.journal.once(
            "dry_run", f"{candidate.name}/{attempt}", lambda: codec.outcome_to_json(worker.run(job))
        )
        return dry_run_findings(codec.outcome_from_json(data), candidate)

    def _keep_attempt(
        self, draft: Draft, name: str, attempt: int, findings: tuple[Finding, ...]
    ) -> dict[str, Any]:
        folder, base = self.journal.folder, f"candidates/{name}/attempts/{attempt}"
        if draft.source is not None:
            folder.write(f"{base}/model.py", draft.source)
        if draft.reply:
            folder.write(f"{base}/reply.txt", draft.reply)
        listed = [codec.finding_to_json(finding) for finding in findings]
        folder.write_json(f"{base}/findings.json", listed)
        return {
            "candidate": name,
            "attempt": attempt,
            "folder": base,
            "author": self.author.name,
            "findings": listed,
        }

    def _keep_candidate(self, candidate: Candidate) -> dict[str, Any]:
        data = codec.candidate_to_json(candidate)
        self.journal.folder.write(f"candidates/{candidate.name}/model.py", candidate.source)
        self.journal.folder.write_json(f"candidates/{candidate.name}/signature.json", data)
        return data

    def _leader(self) -> Candidate:
        best = self.tuning.best()
        return next(c for c in self.candidates if best is None or c.name == best.candidate)

    def _about(self, scope: str) -> None:
        if self.letters:
            self.letters.scope = scope

    @contextmanager
    def _crew(self) -> Iterator[Crew]:
        """Fresh workers: one candidate never meets what another left behind."""
        crew = Crew(lambda: self.sandbox.open(self.bundle), self._met, size=self.settings.parallel)
        try:
            yield crew
        finally:
            crew.close()


_UNCHANGED = Finding(
    gate="reply",
    rule="unchanged",
    message="this is the same text as the attempt before",
    hint="change what the complaints below name",
)


_TWIN = Finding(
    gate="reply",
    rule="twin",
    message="this function exists already, to the letter",
    hint="write one that rests on a different idea",
)


def _first_trial_finding(trial: Trial) -> Finding:
    outcome = trial.outcome
    return Finding(
        gate="dry-run",
        rule=f"first-trial-{outcome.status}",
        line=outcome.line,
        message=f"the first training run at the default arguments failed ({outcome.status}"
        + (f" in {outcome.stage}" if outcome.stage else "")
        + f"): {outcome.error}",
        hint="mend the function, or choose defaults that train",
    )
