"""The best calls, trained once more on a fresh seed before a winner is named.

The best of many scores is partly luck of its seed and of the rows it was scored on: whoever takes it for what
the call is worth picks too early and promises too much. So the calls at the top are trained again, and the
one with the best mean wins. Their models are two more of the ensemble's library. The trials come out of the
budget, and the tuner is not told of them: a search that goes on later proposes what it would have proposed.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any, NamedTuple

from codegen_hpo.engine.correspondence import Spending
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import trained
from codegen_hpo.engine.reserve import call_of, firsts, kept_trials, trained_again
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.timekeeper import Timekeeper
from codegen_hpo.engine.trial import TrialRunner
from codegen_hpo.engine.worker import Crew, Team
from codegen_hpo.records import Call, Candidate, Event, Trial, ranked
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.store import codec
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.tuner.drive import NotBegun, drive

_PART = "fresh"  # of the keys of such trials


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshSeeds:
    """Trains the best calls of a search again.

    Args:
        settings: of the run, with its whole budget.
        device: which one a worker trains on.
    """

    settings: Settings
    journal: Journal
    timekeeper: Timekeeper
    runner: TrialRunner
    device: Callable[[Hello], str]

    def train(
        self, trials: Sequence[Trial], candidates: Sequence[Candidate], crew_of: Callable[[str], Crew]
    ) -> None:
        """Trains as many calls again as the settings say, the best first, while there is budget for them.

        Args:
            trials: of the search.
            candidates: as they are now.
            crew_of: the workers of the candidate with that name.
        """
        texts = {candidate.code_hash: candidate for candidate in candidates}
        calls = [first for first in ranked(firsts(trials)) if first.code_hash in texts]
        turns = iter(self._turns(calls, trials))

        def evaluate(turn: "_Turn") -> Trial:
            if not self.journal.recall("trial", turn.key):
                self._require_time(turn.first, trials)
            candidate = texts[turn.first.code_hash]
            with crew_of(candidate.name).taken() as team:
                produce = partial(self._trained, candidate, turn, team, trials)
                return codec.trial_from_json(self.journal.once("trial", turn.key, produce))

        def abandon() -> None:
            for candidate in candidates:
                crew_of(candidate.name).close()

        drive(
            lambda running: next(turns, None),
            evaluate,
            lambda trial: None,
            parallel=self.settings.parallel,
            abandon=abandon,
        )

    def _turns(self, calls: Sequence[Trial], trials: Sequence[Trial]) -> list["_Turn"]:
        """The best calls that have not met a fresh seed in an earlier session, numbered after all trials."""
        folder = self.journal.folder
        fresh = _fresh_events(folder)
        last = max(trial.number for trial in trials) if trials else 0
        # what this very list left of itself when it was interrupted stands behind all others
        before = [e for e in fresh if e.number < self.journal.last_end or e.data["number"] <= last]
        known = {event.key for event in before}
        number = max([last, *(event.data["number"] for event in before)])
        turns = [_Turn(number, f"{first.candidate}/{_PART}/{first.name}", first) for first in calls]
        budget, count = self.settings.budget.trials, trained_again(self.settings, trials)
        if budget is None:
            turns = turns[:count]
        else:
            count = max(0, min(count, budget - len(trained(trials)) - len(before)))
        new = [turn for turn in turns if turn.key not in known][:count]
        return [turn._replace(number=number + place) for place, turn in enumerate(new, start=1)]

    def _require_time(self, first: Trial, trials: Sequence[Trial]) -> float | None:
        """The seconds that are left for it, None without a limit. Raises NotBegun if they are too few."""
        left_s = self.timekeeper.fresh_s(trials)
        if left_s is not None and left_s < first.outcome.seconds:
            raise NotBegun
        return left_s

    def _trained(
        self, candidate: Candidate, turn: "_Turn", team: Team, trials: Sequence[Trial]
    ) -> dict[str, Any]:
        first, device = turn.first, self.device(team.hello)
        left_s = self._require_time(first, trials)  # the worker may have been opened just now
        call = Call(arguments=first.call.arguments, proposed_by=f"fresh seed of {first.name}")
        data = self.runner.run(
            candidate,
            call,
            turn.number,
            team,
            device,
            left_s,
            grace_s=self.timekeeper.grace_s(left_s),
            # each fold has a seed of its own
            seed=(first.seed + self.settings.folds) % 2**32,
        )
        return {**data, **Spending("", 0)._asdict(), "predicted_s": round(first.outcome.seconds, 3)}


class _Turn(NamedTuple):
    """A call that is to be trained again."""

    number: int  # of its trial
    key: str  # of its event
    first: Trial  # of the call


def kept_back(settings: Settings, journal: Journal) -> int:
    """How many of the budget's trials are not the search's: had by fresh seeds, or kept for them.

    Of the trials that a session adds to the run, a part is kept if there are enough of them.
    """
    if settings.budget.trials is None:
        return 0
    before = [e for e in journal.folder.of_kind("trial") if e.number < journal.last_end]
    had = len(trained([codec.trial_from_json(event.data) for event in before]))
    fresh = sum(_is_fresh(event) for event in before)
    return fresh + kept_trials(settings.budget.trials - had, settings.reseed)


def fresh_trials(folder: RunFolder) -> list[Trial]:
    """The run's trials on fresh seeds."""
    return [codec.trial_from_json(event.data) for event in _fresh_events(folder)]


def next_number(place: int, folder: RunFolder) -> int:
    """The number of the search's trial at this place, 1-based: those of fresh seeds are left out."""
    taken = {event.data["number"] for event in _fresh_events(folder)}
    return next(itertools.islice((n for n in itertools.count(1) if n not in taken), place - 1, None))


def best_call(trials: Sequence[Trial], usable: Sequence[Trial]) -> Trial:
    """The best trial of the call that is best on average over its seeds.

    Of many first scores the best ones are those that had luck. A call that was not trained again is expected
    to lose on a second seed what those lost, on average, that were. One that failed on a seed comes last.

    Args:
        trials: all of the run.
        usable: those with a score whose models may be used.
    """
    failed = {call_of(trial) for trial in trials if trial.loss is None}
    losses: dict[tuple[str, str], list[float]] = defaultdict(list)  # of each call, by seed
    for trial in sorted(usable, key=lambda trial: trial.number):
        losses[call_of(trial)].append(trial.loss if trial.loss is not None else math.inf)
    lost = [fmean(again) - first for first, *again in losses.values() if again]
    luck = max(0.0, fmean(lost)) if lost else 0.0

    def standing(trial: Trial) -> tuple[bool, float]:
        call = call_of(trial)
        first, *again = losses[call]
        return call in failed, fmean([first, *(again or [first + luck])])

    best = call_of(min(ranked(firsts(usable)), key=standing))
    return next(trial for trial in ranked(usable) if call_of(trial) == best)


def seeds_of(trial: Trial, usable: Sequence[Trial]) -> list[Trial]:
    """The trials of the same call, this one among them: they differ in their seeds."""
    return [other for other in usable if call_of(other) == call_of(trial)]


def _fresh_events(folder: RunFolder) -> list[Event]:
    return [event for event in folder.of_kind("trial") if _is_fresh(event)]


def _is_fresh(event: Event) -> bool:
    return event.key.split("/")[1:2] == [_PART]
