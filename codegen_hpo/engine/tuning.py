"""Trials of a candidate: its tuner proposes, the sandbox trains, the host scores, the journal keeps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from codegen_hpo.engine.correspondence import Correspondence, Spending
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import check_budget
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.trial import TrialRunner
from codegen_hpo.engine.worker import Crew
from codegen_hpo.records import Call, Candidate, Trial, ranked
from codegen_hpo.sandbox.base import Hello, Worker
from codegen_hpo.store import codec
from codegen_hpo.tuner.base import NoProposal, Tuner
from codegen_hpo.tuner.drive import drive


class Turn(NamedTuple):
    """A call that is under way."""

    number: int  # of its trial
    key: str  # of its events
    call: Call
    spent: Spending  # on a model, to propose it


@dataclass(kw_only=True)
class Tuning:
    """The trials of one run, and the tuners that proposed them, a tuner a candidate."""

    settings: Settings
    make_tuner: Callable[[Candidate], Tuner]
    journal: Journal
    letters: Correspondence | None
    runner: TrialRunner
    trials: list[Trial] = field(default_factory=list)
    _tuners: dict[str, Tuner] = field(default_factory=dict)

    def best(self) -> Trial | None:
        """The trial with the best validation score, the earliest of equals."""
        return next(iter(ranked(self.trials)), None)

    def of(self, candidate: Candidate) -> list[Trial]:
        """The candidate's trials."""
        return [trial for trial in self.trials if trial.candidate == candidate.name]

    def best_score(self, candidate: Candidate) -> float | None:
        """The candidate's best score."""
        best = next(iter(ranked(self.of(candidate))), None)
        return best.score if best else None

    def try_defaults(self, candidate: Candidate, worker: Worker) -> Trial:
        """The trial of the candidate's defaults, with which its tuning begins."""
        spent = self.letters.spent() if self.letters else Spending("", 0)
        call = Call(arguments=candidate.space.defaults(), proposed_by="default")
        trial = self._train(candidate, self._turn(candidate, (), call, spent), worker)
        self.trials.append(trial)
        return trial

    def tune(self, candidate: Candidate, quota: int | None, crew: Crew) -> None:
        """Trials of one candidate until it has had `quota`. Raises Spent and, without a quota, NoProposal."""
        tuner = self._tuner(candidate)

        def propose(running: Sequence[Turn]) -> Turn | None:
            if quota is not None and len(self.of(candidate)) + len(running) >= quota:
                return None
            check_budget(self.settings.budget, self.journal.elapsed_s, self.trials, len(running))
            return self._propose(candidate, tuner, running)

        def evaluate(turn: Turn) -> Trial:
            with crew.taken() as worker:
                return self._train(candidate, turn, worker)

        def tell(trial: Trial) -> None:
            self.trials.append(trial)
            tuner.tell(trial)

        try:
            drive(propose, evaluate, tell, parallel=self.settings.parallel, abandon=crew.close)
        except NoProposal:
            if quota is None:
                raise

    def times(self, kind: str, key: str, *, again: bool = True) -> int:
        """How often work that had ended without success was taken up again: once a resumed session."""
        times = 0
        while self.journal.recall("taken_up", f"{key}#{times + 1}"):
            times += 1
        if again and self.journal.ended_with(kind, f"{key}#{times}"):
            times += 1
            self.journal.record("taken_up", f"{key}#{times}", dict)
        return times

    def device(self, machine: Hello) -> str:
        """The device on which this machine's worker trains: "cpu" or "cuda"."""
        return "cuda" if self.settings.device != "cpu" and machine.cuda else "cpu"

    def _propose(self, candidate: Candidate, tuner: Tuner, running: Sequence[Turn]) -> Turn:
        key = self._key(candidate, running)
        times = self.times("tuning_ended", key)
        scope = f"{candidate.name}/tune/{key.rpartition('/')[2]}"
        if self.letters:
            self.letters.scope = f"{scope}~{times}" if times else scope
        event = self.journal.recall("call", key)
        data = event.data if event else self._asked(tuner, key, times, running)
        spent = self.letters.spent() if self.letters else Spending("", 0)
        return self._turn(candidate, running, codec.call_from_json(data), spent)

    def _asked(self, tuner: Tuner, key: str, times: int, running: Sequence[Turn]) -> Any:
        """The tuner's next call as its event's data. Raises NoProposal, which is recorded, too."""
        budget = self.settings.budget.trials
        left = None if budget is None else budget - len(self.trials) - len(running)
        try:
            call = tuner.ask(left, [turn.call for turn in running])
        except NoProposal as exhausted:
            self.journal.once("tuning_ended", f"{key}#{times}", partial(dict, reason=str(exhausted)))
            raise
        return self.journal.once("call", key, lambda: codec.call_to_json(call))

    def _turn(self, candidate: Candidate, running: Sequence[Turn], call: Call, spent: Spending) -> Turn:
        number = len(self.trials) + len(running) + 1
        return Turn(number, self._key(candidate, running), call, spent)

    def _train(self, candidate: Candidate, turn: Turn, worker: Worker) -> Trial:
        """The turn's trial, recorded as soon as it is there."""

        def produce() -> dict[str, Any]:
            # of the worker that trains, which after a resume may be on another machine
            device = self.device(worker.hello)
            data = self.runner.run(candidate, turn.call, turn.number, worker, device, self._seconds_left())
            return data | turn.spent._asdict()

        return codec.trial_from_json(self.journal.once("trial", turn.key, produce))

    def _seconds_left(self) -> float | None:
        budget = self.settings.budget.seconds
        return None if budget is None else max(1.0, budget - self.journal.elapsed_s)

    def _tuner(self, candidate: Candidate) -> Tuner:
        if candidate.name not in self._tuners:
            tuner = self._tuners[candidate.name] = self.make_tuner(candidate)
            for trial in self.of(candidate):
                if trial.code_hash == candidate.code_hash:
                    tuner.tell(trial)
        return self._tuners[candidate.name]

    def _key(self, candidate: Candidate, running: Sequence[Turn]) -> str:
        return f"{candidate.name}/{len(self.of(candidate)) + len(running) + 1}"
