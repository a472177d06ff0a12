"""The time of a run: what is left of it, what a call is expected to take, what a tuner is told of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from codegen_hpo.engine import course, limits
from codegen_hpo.engine.forecast import Cost, Forecast, make_forecast
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.reserve import kept_seconds, opening_seconds
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.trial import START_UP_GRACE_S
from codegen_hpo.records import Candidate, Check, Trial
from codegen_hpo.space import Arguments
from codegen_hpo.store import codec
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.outlook import Outlook, Pace

REFUSALS = 5  # calls in a row that are refused before a search is at its end
_LEAST_GRACE_S = 5.0  # that a trial has to build its model and to predict, beyond the end of the run
_TOLD = 3  # arguments on which the cost depends
_WORTH_TELLING = 1.5  # times: what an argument of smaller effect does is lost in the noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Timekeeper:
    """Compares what calls will take with what the settings allow.

    Wherever trials are asked for, they are all that were told, in their order.

    Args:
        settings: with the time for the run and for one trial.
        journal: has the clock, the dry-runs and the trials.
        rows: training rows of the bundle.
    """

    settings: Settings
    journal: Journal
    rows: int

    @property
    def left_s(self) -> float | None:
        """Seconds that are left of the run; None without a limit."""
        budget = self.settings.budget.seconds
        return None if budget is None else budget - self.journal.elapsed_s

    def search_s(self, trials: Sequence[Trial]) -> float | None:
        """Those that are left for the search: what follows it has its part."""
        return None if self.left_s is None else self.left_s - kept_seconds(self.settings, trials)

    def fresh_s(self, trials: Sequence[Trial]) -> float | None:
        """Those that are left for fresh seeds after a search of these trials."""
        return None if self.left_s is None else self.left_s - opening_seconds(self.settings, trials)

    def grace_s(self, left_s: float | None) -> float:
        """What a trial may take beside its training, for which so many seconds are left.

        At the end of the run it is stopped, where there is a model already.
        """
        if left_s is None or self.left_s is None:
            return START_UP_GRACE_S
        train_s = min(left_s, self.settings.trial_s)
        return min(START_UP_GRACE_S, max(_LEAST_GRACE_S, self.left_s - train_s))

    def allows_another(self, trials: Sequence[Trial]) -> bool:
        """Whether what is left for the search is as much as the first candidate took to its first trial."""
        left_s, folder = self.search_s(trials), self.journal.folder
        begun, done = folder.find("sandbox", ""), folder.of_kind("trial")
        return left_s is None or not begun or not done or left_s >= done[0].elapsed_s - begun.elapsed_s

    def cost(self, candidate: Candidate, arguments: Arguments, trials: Sequence[Trial]) -> Cost | None:
        """What a call of the candidate is expected to take; None if nothing was measured yet."""
        forecast = self._forecast(candidate, trials)
        return forecast.cost(arguments) if forecast else None

    def patience(self, arguments: Arguments) -> int:
        """The points of its curve that a call's training may pass without getting better."""
        return course.patience(arguments, self.rows)

    def predicted_s(self, cost: Cost | None) -> float | None:
        """What stands beside the truth in the record; None where only the longest is known, or nothing."""
        return None if cost is None or cost.is_bound else round(min(cost.whole_s, self.settings.trial_s), 3)

    def refusal(self, cost: Cost | None, trials: Sequence[Trial]) -> limits.Refusal | None:
        """Why a call of this cost is not worth its start now; None if it is, or if nothing is known."""
        return limits.refusal(cost, self.settings.trial_s, self.search_s(trials)) if cost else None

    def check_refusals(self, candidate: Candidate, trials: Sequence[Trial]) -> None:
        """Raises Spent or NoProposal if the candidate's latest calls were refused, and would be so again."""
        own = [trial for trial in trials if trial.candidate == candidate.name]
        latest = list(takewhile(lambda trial: not limits.trained([trial]), reversed(own)))
        if len(latest) < REFUSALS:
            return
        forecast = self._forecast(candidate, trials)
        again = (
            [self.refusal(forecast.cost(t.call.arguments), trials) for t in latest] if forecast else [None]
        )
        if again[0] is None or None in again:
            return
        reason, limit = again[0]
        told = f"no call fits the time: {len(latest)} in a row were refused; {reason}"
        raise limits.Spent(told, limit) if limit else NoProposal(told)

    def outlook(self, candidate: Candidate, trials: Sequence[Trial]) -> Outlook:
        """For the candidate's tuner; follows the trials as they become more."""

        def refusal(arguments: Arguments) -> str:
            refused = self.refusal(self.cost(candidate, arguments, trials), trials)
            return refused.reason if refused else ""

        return Outlook(lambda: self._pace(candidate, trials), refusal)

    def _pace(self, candidate: Candidate, trials: Sequence[Trial]) -> Pace | None:
        """None where no time is short, or before a trial of the candidate has ended.

        The time left is that after the latest of the trials, which a resumed run knows to the same digit.
        """
        forecast = self._forecast(candidate, trials)
        if forecast is None or forecast.usual_s is None:
            return None
        budget, trial_s = self.settings.budget.seconds, self.settings.trial_s
        if budget is None and forecast.usual_s < trial_s / 2:
            return None
        told = {trial.number for trial in trials}
        events = [e for e in self.journal.folder.of_kind("trial") if e.data["number"] in told]
        elapsed_s = max((event.elapsed_s for event in events), default=0.0)
        drivers = [driver for driver in forecast.drivers() if driver.factor >= _WORTH_TELLING]
        return Pace(
            left_s=None
            if budget is None
            else max(0.0, budget - elapsed_s - kept_seconds(self.settings, trials)),
            trial_s=trial_s,
            usual_s=forecast.usual_s,
            drivers=tuple(drivers[:_TOLD]),
        )

    def _forecast(self, candidate: Candidate, trials: Sequence[Trial]) -> Forecast | None:
        """From the candidate's dry-run and those of the trials that ran its present text."""
        own = [trial for trial in trials if trial.code_hash == candidate.code_hash]
        checks = self._checks(candidate)
        return make_forecast(candidate.space, checks, own, self.rows, self.settings.turns)

    def _checks(self, candidate: Candidate) -> tuple[Check, ...]:
        """Of the dry-run of the very text that the candidate is; none where trials have a GPU.

        A dry-run is one on the CPU, where other arguments drive the cost.
        """
        folder = self.journal.folder
        began = folder.find("sandbox", "")
        if self.settings.device != "cpu" and began and began.data["cuda"]:
            return ()
        for event in folder.of_kind("candidate"):
            if event.data["code_hash"] == candidate.code_hash:
                dry_run = folder.find("dry_run", event.key)
                return codec.outcome_from_json(dry_run.data).checks if dry_run else ()
        return ()
