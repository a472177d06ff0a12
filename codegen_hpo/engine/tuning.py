"""Trials of a candidate: its tuner proposes, the sandbox trains, the host scores, the journal keeps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from codegen_hpo.engine.correspondence import Correspondence, Spending
from codegen_hpo.engine.forecast import Cost
from codegen_hpo.engine.fresh_seeds import next_number
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import check_budget, trained
from codegen_hpo.engine.pruning import Thresholds, first_point, thresholds
from codegen_hpo.engine.reserve import kept_seconds
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.timekeeper import Timekeeper
from codegen_hpo.engine.trial import START_UP_GRACE_S, TrialRunner
from codegen_hpo.engine.worker import Crew, Team
from codegen_hpo.records import Call, Candidate, Trial, ranked
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.store import codec
from codegen_hpo.tuner.base import NoProposal, Tuner
from codegen_hpo.tuner.drive import NotBegun, drive
from codegen_hpo.tuner.outlook import Outlook

AHEAD = 1  # calls that wait beside those that run, where several run at once: see `drive`
DEFAULT = "default"  # who proposed the call of a function's defaults


class Turn(NamedTuple):
    """A call that is under way, with what the trials told by then say of it."""

    number: int  # of its trial
    key: str  # of its events
    call: Call
    spent: Spending  # on a model, to propose it
    cost: Cost | None  # that is expected; None if nothing was measured yet
    prune: Thresholds  # where its training stops


@dataclass(kw_only=True)
class Tuning:
    """The trials of one run, and the tuners that proposed them, a tuner a candidate."""

    settings: Settings
    make_tuner: Callable[[Candidate, Outlook], Tuner]
    journal: Journal
    timekeeper: Timekeeper
    letters: Correspondence | None
    device: Callable[[Hello], str]  # on which the worker that said this trains
    runner: TrialRunner
    ending: Callable[[], None] = lambda: None  # called when the budget nears its end, perhaps several times
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

    def tune(
        self,
        candidate: Candidate,
        quota: int | None,
        crew: Crew,
        *,
        begun: Callable[[], None] = lambda: None,
        nearing: Callable[[], None] = lambda: None,
    ) -> Trial | None:
        """Trials of one candidate, that of its defaults first, until it has had `quota`.

        The first call of the tuner is asked for while the defaults train, if several trials run at once; not
        so for a function that was mended, because the one before it failed in just that trial.

        Args:
            quota: the candidate's trials; None is as many as the budget has.
            begun: called once the defaults have trained.
            nearing: called before the last trial of the quota.

        Returns:
            The trial of the defaults if it failed: then the function is to be mended. Else None.

        Raises:
            Spent: a limit of the budget is reached.
            NoProposal: without a quota, when the tuner has no further call.
        """
        tuner = self._tuner(candidate)
        failed: list[Trial] = []

        def propose(running: Sequence[Turn]) -> Turn | None:
            if failed or (quota is not None and len(trained(self.of(candidate))) + len(running) >= quota):
                return None
            if not running and not self._was_tried(candidate):
                turn = self._defaults(candidate)
            else:
                if not self._was_begun(self._key(candidate, running)):
                    check_budget(
                        self.settings.budget,
                        self.journal.elapsed_s,
                        self.trials,
                        len(running),
                        kept_s=kept_seconds(self.settings, self.trials),
                    )
                turn = self._propose(candidate, tuner, running)
            if not self.journal.is_replaying:
                if quota is not None and len(trained(self.of(candidate))) + len(running) + 1 >= quota:
                    nearing()
                if self._is_ending(running):
                    self.ending()
            return turn

        def evaluate(turn: Turn) -> Trial:
            if turn.call.proposed_by != DEFAULT and self._is_late(turn):
                raise NotBegun
            with crew.taken() as team:
                return self._train(candidate, turn, team)

        def tell(trial: Trial) -> None:
            first = not self._was_tried(candidate)
            self.trials.append(trial)
            tuner.tell(trial)
            if first and trial.loss is None:
                failed.append(trial)
                del self._tuners[candidate.name]  # of a space that may be another one when it is mended
            elif first:
                begun()

        try:
            if self.of(candidate) and not self._was_tried(candidate):
                tell(evaluate(self._defaults(candidate)))
            drive(propose, evaluate, tell, parallel=self.settings.parallel, ahead=AHEAD, abandon=crew.close)
        except NoProposal:
            if quota is None and not failed:
                raise
        return failed[0] if failed else None

    def times(self, kind: str, key: str, *, again: bool = True) -> int:
        """How often work that had ended without success was taken up again: once a resumed session."""
        times = 0
        while self.journal.recall("taken_up", f"{key}#{times + 1}"):
            times += 1
        if again and self.journal.ended_with(kind, f"{key}#{times}"):
            times += 1
            self.journal.record("taken_up", f"{key}#{times}", dict)
        return times

    def _was_tried(self, candidate: Candidate) -> bool:
        """Whether this very text has had a trial: that of its defaults comes first."""
        return any(trial.code_hash == candidate.code_hash for trial in self.of(candidate))

    def _defaults(self, candidate: Candidate) -> Turn:
        """The call of the candidate's defaults, with what the draft cost."""
        spent = self.letters.spent(self.letters.draft_scope) if self.letters else Spending("", 0)
        call = Call(arguments=candidate.space.defaults(), proposed_by=DEFAULT)
        return self._turn(candidate, (), call, spent)

    def _is_ending(self, running: Sequence[Turn]) -> bool:
        """Whether the call that was just proposed may be the last one, or one of the last."""
        budget, left_s = self.settings.budget.trials, self.timekeeper.search_s(self.trials)
        usual_s = median([trial.outcome.seconds for trial in self.trials if trial.loss is not None] or [0.0])
        return (budget is not None and len(trained(self.trials)) + len(running) + 1 >= budget) or (
            left_s is not None and left_s < max(2 * usual_s, self.settings.trial_s)
        )

    def _is_late(self, turn: Turn) -> bool:
        """Whether the time is over, of a call that has no trial yet."""
        left_s = self.timekeeper.search_s(self.trials)
        return left_s is not None and left_s <= 0 and not self._was_begun(turn.key)

    def _was_begun(self, key: str) -> bool:
        """Whether the run has the trial of this key, or one that the candidate was asked for later.

        Such a call was in time when it was proposed. The clock of a replay cannot tell: it stands at the end
        of the trials that were told, which may be long after the calls beside them.
        """
        name, number = key.split("/")
        keys = (event.key.split("/") for event in self.journal.folder.of_kind("trial"))
        return any(of == name and place.isdigit() and int(place) >= int(number) for of, place, *_ in keys)

    def _propose(self, candidate: Candidate, tuner: Tuner, running: Sequence[Turn]) -> Turn:
        key = self._key(candidate, running)
        times = self.times("tuning_ended", key)
        scope = f"{candidate.name}/tune/{key.rpartition('/')[2]}"
        if self.letters:
            self.letters.scope = f"{scope}~{times}" if times else scope
        event = self.journal.recall("call", key)
        data = event.data if event else self._asked(candidate, tuner, key, times, running)
        spent = self.letters.spent() if self.letters else Spending("", 0)
        return self._turn(candidate, running, codec.call_from_json(data), spent)

    def _asked(
        self, candidate: Candidate, tuner: Tuner, key: str, times: int, running: Sequence[Turn]
    ) -> Any:
        """The tuner's next call as its event's data. Raises Spent, and NoProposal, which is recorded, too."""
        budget = self.settings.budget.trials
        left = None if budget is None else budget - len(trained(self.trials)) - len(running)
        try:
            self.timekeeper.check_refusals(candidate, self.trials)
            call = tuner.ask(left, [turn.call for turn in running])
        except NoProposal as exhausted:
            self.journal.once("tuning_ended", f"{key}#{times}", partial(dict, reason=str(exhausted)))
            raise
        return self.journal.once("call", key, lambda: codec.call_to_json(call))

    def _turn(self, candidate: Candidate, running: Sequence[Turn], call: Call, spent: Spending) -> Turn:
        own = [trial for trial in self.of(candidate) if trial.code_hash == candidate.code_hash]
        first = first_point(self.timekeeper.patience(call.arguments))
        return Turn(
            number=next_number(len(self.trials) + len(running) + 1, self.journal.folder),
            key=self._key(candidate, running),
            call=call,
            spent=spent,
            cost=self.timekeeper.cost(candidate, call.arguments, self.trials),
            prune=() if call.proposed_by == DEFAULT else thresholds(self.settings.prune, own, first),
        )

    def _train(self, candidate: Candidate, turn: Turn, team: Team) -> Trial:
        """The turn's trial, recorded as soon as it is there."""

        def produce() -> dict[str, Any]:
            refused = self.timekeeper.refusal(turn.cost, self.trials)
            if refused and turn.call.proposed_by != DEFAULT:
                return self.runner.refuse(candidate, turn.call, turn.number, refused.reason) | told
            device = self.device(team.hello)  # it trains, and after a resume may be on another machine
            left_s = self.timekeeper.search_s(self.trials)
            left_s = None if left_s is None else max(1.0, left_s)
            data = self.runner.run(
                candidate,
                turn.call,
                turn.number,
                team,
                device,
                left_s,
                grace_s=self.timekeeper.grace_s(left_s) if self.best() else START_UP_GRACE_S,
                prune=turn.prune,
            )
            return data | told

        told = {**turn.spent._asdict(), "predicted_s": self.timekeeper.predicted_s(turn.cost)}
        return codec.trial_from_json(self.journal.once("trial", turn.key, produce))

    def _tuner(self, candidate: Candidate) -> Tuner:
        if candidate.name not in self._tuners:
            tuner = self._tuners[candidate.name] = self.make_tuner(
                candidate, self.timekeeper.outlook(candidate, self.trials)
            )
            for trial in self.of(candidate):
                if trial.code_hash == candidate.code_hash:
                    tuner.tell(trial)
        return self._tuners[candidate.name]

    def _key(self, candidate: Candidate, running: Sequence[Turn]) -> str:
        return f"{candidate.name}/{len(self.of(candidate)) + len(running) + 1}"
