"""The search over any objective: propose, measure, tell, record.

Everything that costs something is recorded once it is there, and answered from the record after a resume. Of
what is recorded nothing is asked, measured or paid for again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from codegen_hpo.engine.limits import Ending, Spent, check_budget
from codegen_hpo.objective.base import Objective
from codegen_hpo.objective.settings import Aim, SearchSettings
from codegen_hpo.records import Call, Event, Trial, trial_name
from codegen_hpo.store import codec
from codegen_hpo.tuner.base import NoProposal, Tuner
from codegen_hpo.tuner.drive import drive

if TYPE_CHECKING:
    from codegen_hpo.engine.correspondence import Correspondence  # brings scikit-learn


class Notes(Protocol):
    """What a search records: a run's Journal, or `Unrecorded`."""

    @property
    def elapsed_s(self) -> float: ...

    def recall(self, kind: str, key: str) -> Event | None: ...

    def note(self, kind: str, key: str, data: Mapping[str, Any]) -> object: ...


class Turn(NamedTuple):
    """A call that is under way."""

    number: int  # of its trial
    call: Call
    spent: Mapping[str, Any]  # on a model, to propose it


@dataclass(kw_only=True)
class Search:
    """One session's search.

    Args:
        letters: through which the tuner asks its model, if both are recorded.
        on_trial: called with each trial, those of earlier sessions included, in the order of their calls.
    """

    aim: Aim
    settings: SearchSettings
    objective: Objective
    tuner: Tuner
    notes: Notes
    letters: "Correspondence | None" = None
    on_trial: Callable[[Trial], None] = lambda trial: None
    trials: list[Trial] = field(default_factory=list)

    def run(self) -> Ending:
        """Searches until a limit is reached or nothing is left to try."""
        try:
            drive(
                self._propose,
                self._evaluate,
                self._tell,
                parallel=self.settings.parallel,
                abandon=self.objective.abandon,
            )
        except Spent as spent:
            return Ending(str(spent), spent.limit)
        except NoProposal as exhausted:
            return Ending(str(exhausted), "")
        raise AssertionError("a search ends by a limit")

    def _propose(self, running: Sequence[Turn]) -> Turn:
        number = len(self.trials) + len(running) + 1
        times = 0  # that the tuner had nothing to propose here, and the run was resumed
        while self.notes.recall("tuning_ended", f"{trial_name(number)}/{times}"):
            times += 1
        if self.letters:
            self.letters.scope = f"tune/{number}" + (f"~{times}" if times else "")
        event = self.notes.recall("call", trial_name(number))
        if event:
            call = codec.call_from_json(event.data)
        else:
            check_budget(self.settings.budget, self.notes.elapsed_s, self.trials, len(running))
            call = self._start(number) or self._ask(f"{trial_name(number)}/{times}", running)
            self.notes.note("call", trial_name(number), codec.call_to_json(call))
        return Turn(number, call, self.letters.spent()._asdict() if self.letters else {})

    def _start(self, number: int) -> Call | None:
        if number > len(self.aim.start):
            return None
        arguments = self.aim.start[number - 1]
        by = "default" if dict(arguments) == self.aim.space.defaults() else "start"
        return Call(arguments=arguments, proposed_by=by)

    def _ask(self, key: str, running: Sequence[Turn]) -> Call:
        """The tuner's next call. Raises NoProposal, which is recorded under the key, too."""
        budget = self.settings.budget.trials
        left = None if budget is None else budget - len(self.trials) - len(running)
        try:
            return self.tuner.ask(left, [turn.call for turn in running])
        except NoProposal as exhausted:
            self.notes.note("tuning_ended", key, {"reason": str(exhausted)})
            raise

    def _evaluate(self, turn: Turn) -> Trial:
        event = self.notes.recall("trial", trial_name(turn.number))
        if event:
            return codec.trial_from_json(event.data)
        measured = self.objective.measure(dict(turn.call.arguments), turn.number)
        value = measured.value
        trial = Trial(
            number=turn.number,
            code_hash=measured.code_hash,
            call=turn.call,
            outcome=measured.outcome,
            score=value,
            loss=None if value is None else self.aim.direction.loss(value),
            seed=self.settings.seed,
            analysis=measured.analysis,
        )
        executed = self.letters.spent(execution(turn.number)).tokens if self.letters else 0
        spent = {**turn.spent, "tokens": turn.spent.get("tokens", 0) + executed}
        data = {"files": measured.files, "wall_s": measured.outcome.seconds, **spent}
        self.notes.note("trial", trial.name, codec.trial_to_json(trial) | data)
        return trial

    def _tell(self, trial: Trial) -> None:
        self.trials.append(trial)
        self.tuner.tell(trial)
        self.on_trial(trial)


def execution(number: int) -> str:
    """The scope in which a model is asked while the call of this number is carried out."""
    return f"execute/{number}"
