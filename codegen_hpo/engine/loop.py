"""The main loop, as 2312.04528 (section 4.2) tells it: write, check, dry-run, tune, score, record.

Read `Search.run` first. Everything that costs something goes through the journal, so the same loop carries an
interrupted run on; nothing here knows whether it is the first session of a run or the third.
"""

from dataclasses import dataclass, field

from codegen_hpo.author.base import Author
from codegen_hpo.engine.drafts import Drafts
from codegen_hpo.engine.fresh_seeds import FreshSeeds, fresh_trials
from codegen_hpo.engine.gates import Gates
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import Ending, Spent, check_budget
from codegen_hpo.engine.machine import Machine
from codegen_hpo.engine.reserve import kept_seconds
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.tuning import Tuning
from codegen_hpo.engine.worker import Crew
from codegen_hpo.records import Candidate, Finding, Trial, ranked
from codegen_hpo.store import codec
from codegen_hpo.tuner.base import NoProposal


@dataclass(kw_only=True)
class Search:
    """One run's search for a function and its arguments."""

    settings: Settings
    author: Author
    machine: Machine
    drafts: Drafts
    gates: Gates
    tuning: Tuning
    fresh_seeds: FreshSeeds
    journal: Journal
    candidates: list[Candidate] = field(default_factory=list)

    def run(self) -> Ending:
        """Searches until a limit is reached or nothing more can be tried; trains the best calls again."""
        ending = self._search()
        self.fresh_seeds.train(self.tuning.trials, self.candidates, self.machine.crew)
        again = len(fresh_trials(self.journal.folder))
        return ending._replace(reason=f"{ending.reason}, and {again} on fresh seeds") if again else ending

    def _search(self) -> Ending:
        try:
            for number in range(1, self.settings.candidates + 1):
                if self._is_left_out(number):
                    break
                crew = self.machine.crew(_name(number))
                self.machine.meet(crew.first)
                self._develop(number, crew)
                self.machine.keep(self._leader().name if self.candidates else "")
            if self.candidates:
                leader = self._leader()
                self.tuning.tune(leader, None, self.machine.crew(leader.name))
        except Spent as spent:
            return Ending(str(spent), spent.limit)
        except NoProposal as exhausted:
            return Ending(str(exhausted), "")
        return Ending("every candidate was given up", "")

    # -- write, check, dry-run ------------------------------------------------------------------

    def _develop(self, number: int, crew: Crew) -> None:
        """A candidate that passed every gate, trained at its defaults and was explored; or none at all."""
        name = _name(number)
        times = self.tuning.times("candidate_failed", name, again=self.tuning.best() is None)
        attempt = self._earlier_attempts(name, times)
        for _ in range(self.settings.restarts + 1):
            previous: str | None = None
            findings: tuple[Finding, ...] = ()
            for _ in range(self.settings.repairs + 1):
                attempt += 1
                if not self.journal.recall("attempt", f"{name}/{attempt}"):
                    check_budget(
                        self.settings.budget,
                        self.journal.elapsed_s,
                        self.tuning.trials,
                        kept_s=kept_seconds(self.settings, self.tuning.trials),
                    )
                    crew.first.warm()  # it starts while the author writes
                draft = self.drafts.write(number, attempt, self.candidates, previous, findings)
                same = previous is not None and draft.source == previous
                if same and self.author.trusted:
                    return  # our own function will not mend itself
                candidate, found = self.gates.check(draft, name, attempt, crew.first, self.candidates)
                if candidate:
                    failed = self._explore(candidate, number, crew)
                    if failed is None:
                        return
                    found = (_first_trial_finding(failed),)
                # a reply without a source leaves the complaints about the one before as they are
                findings = (_UNCHANGED, *found) if same else found if draft.source else found + findings
                previous = draft.source or previous
        self.journal.once("candidate_failed", f"{name}#{times}", lambda: {"attempts": attempt})

    def _is_left_out(self, number: int) -> bool:
        """Whether a further candidate would not reach its first trial in time; the leader has the rest then.

        It stays so when the run is resumed, whose trials are numbered by it.
        """
        name = _name(number)
        if not self.candidates or self.journal.recall("attempt", f"{name}/1"):
            return False
        if not self.journal.recall("left_out", name):
            if self.tuning.timekeeper.allows_another(self.tuning.trials):
                return False
            self.journal.note("left_out", name, {"reason": "too little time is left for its first trial"})
        return True

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

    # -- tune -----------------------------------------------------------------------------------

    def _explore(self, candidate: Candidate, number: int, crew: Crew) -> Trial | None:
        """Trials of a new candidate, its defaults first. The trial of the defaults if it failed."""

        def accept() -> None:
            self.candidates.append(candidate)
            given_up = self.tuning.times("candidate_failed", _name(number + 1), again=False)
            if self._another_comes(number) and not given_up:
                self.drafts.begin(number + 1, self.candidates)

        def nearing() -> None:
            if self._another_comes(number):
                self.machine.prepare()

        return self.tuning.tune(candidate, self.settings.explore, crew, begun=accept, nearing=nearing)

    def _another_comes(self, number: int) -> bool:
        """Whether the budget holds a trial for the candidate after the one of this number."""
        budget, explore = self.settings.budget.trials, self.settings.explore
        if number >= self.settings.candidates or explore is None:
            return False
        if not self.tuning.timekeeper.allows_another(self.tuning.trials):
            return False
        had = len([trial for trial in self.tuning.trials if trial.candidate == _name(number)])
        return budget is None or len(self.tuning.trials) + max(0, explore - had) < budget

    def _leader(self) -> Candidate:
        """The candidate with the best trial."""
        hashes = {candidate.code_hash: candidate for candidate in self.candidates}
        best = next((t for t in ranked(self.tuning.trials) if t.code_hash in hashes), None)
        return hashes[best.code_hash] if best else self.candidates[0]


def _name(number: int) -> str:
    """Of the candidate with this number, "c01"."""
    return f"c{number:02d}"


_UNCHANGED = Finding(
    gate="reply",
    rule="unchanged",
    message="this is the same text as the attempt before",
    hint="change what the complaints below name",
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
