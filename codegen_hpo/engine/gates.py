"""The gates that a draft passes before it is trained, and the record of each attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from codegen_hpo.author.base import Draft
from codegen_hpo.contract import dry_run_findings, read_candidate_apart
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.worker import Team
from codegen_hpo.records import Candidate, Finding, Job
from codegen_hpo.store import codec


class Checked(NamedTuple):
    candidate: Candidate | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The gates of one run."""

    settings: Settings
    journal: Journal
    author: str  # its name

    def check(
        self, draft: Draft, name: str, attempt: int, team: Team, existing: Sequence[Candidate]
    ) -> Checked:
        """Every gate in order; the attempt is recorded with what was found."""
        candidate, findings = None, draft.findings
        known = self.journal.recall("attempt", f"{name}/{attempt}")
        if known and known.data["findings"]:
            # as they were: a check that ran out of time then might not do so now
            return Checked(None, codec.findings_from_json(known.data["findings"]))
        if draft.source is not None:
            verdict = read_candidate_apart(draft.source, name=name, author=self.author)
            candidate, findings = verdict.candidate, draft.findings + verdict.findings
        if candidate and any(candidate.source == other.source for other in existing):
            findings += (_TWIN,)
        if candidate and not findings:
            findings += self._dry_run(candidate, attempt, team)
        if findings:
            candidate = None
        self.journal.once(
            "attempt", f"{name}/{attempt}", lambda: self._keep_attempt(draft, name, attempt, findings)
        )
        if candidate:
            self.journal.once("candidate", f"{name}/{attempt}", lambda: self._keep_candidate(candidate))
        return Checked(candidate, findings)

    def _dry_run(self, candidate: Candidate, attempt: int, team: Team) -> tuple[Finding, ...]:
        job = Job(
            kind="dry_run",
            source=candidate.source,
            points=tuple(candidate.space.corners()),
            seed=self.settings.seed,
            threads=self.settings.threads,
            timeout_s=120.0,
        )
        data = self.journal.once(
            "dry_run", f"{candidate.name}/{attempt}", lambda: codec.outcome_to_json(team.run(job))
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
            "author": self.author,
            "findings": listed,
        }

    def _keep_candidate(self, candidate: Candidate) -> dict[str, Any]:
        data = codec.candidate_to_json(candidate)
        self.journal.folder.write(f"candidates/{candidate.name}/model.py", candidate.source)
        self.journal.folder.write_json(f"candidates/{candidate.name}/signature.json", data)
        return data


_TWIN = Finding(
    gate="reply",
    rule="twin",
    message="this function exists already, to the letter",
    hint="write one that rests on a different idea",
)
