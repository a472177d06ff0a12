"""The end of a run: the final model is put together, and meets the sealed test rows once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np

from codegen_hpo.engine.fresh_seeds import best_call, seeds_of
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.opening import TestOpening
from codegen_hpo.engine.outputs import Predictions
from codegen_hpo.engine.selection import Selection, Selector
from codegen_hpo.engine.settings import Settings
from codegen_hpo.errors import NoModelError
from codegen_hpo.records import Trial, ranked
from codegen_hpo.scoring.ensemble import average
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.scoring.noise import noise
from codegen_hpo.task import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Chooses the models that are used, and scores them on the test rows."""

    journal: Journal
    opening: TestOpening
    settings: Settings
    metric: Metric
    predictions: Predictions
    held_out: HeldOut

    def final(self, trials: Sequence[Trial], reason: str) -> None:
        """Records the final model with its test score, once for each set of trials that it is chosen from.

        A trial whose model cannot predict in a fresh process, or predicts something else there, is
        disqualified, and the choice is made anew without it. Raises NoModelError if none is left.
        """
        while usable := self._usable(trials):
            best = best_call(trials, usable)
            selection = self._selected(best, usable, trials)
            # all of them, though one may fail: those of another choice are mostly the same
            admitted = [self.opening.admits(trial) for trial in _opened(best, selection, usable)]
            if all(admitted):
                result = partial(self._result, best, selection, usable, reason)
                self.journal.once("final", _choice(trials, usable), result)
                return
        raise NoModelError(
            f"none of the {len(trials)} trials gave a usable model",
            hint=f"codegen-hpo show {self.journal.folder.name} --trials tells how each ended",
        )

    def _usable(self, trials: Sequence[Trial]) -> list[Trial]:
        return [t for t in ranked(trials) if not self.journal.recall("disqualified", t.name)]

    def _selected(self, best: Trial, usable: Sequence[Trial], trials: Sequence[Trial]) -> Selection:
        """The choice among the usable trials, made once: another machine might round otherwise."""
        selector = Selector(
            metric=self.metric,
            predictions=self.predictions,
            held_out=self.held_out,
            seed=self.settings.seed,
        )

        def select() -> dict[str, Any]:
            return selector.selection(best, usable, most=self.settings.ensemble).to_json()

        return Selection.from_json(self.journal.once("selected", _choice(trials, usable), select))

    def _result(
        self, best: Trial, selection: Selection, usable: Sequence[Trial], reason: str
    ) -> Mapping[str, Any]:
        chosen = [trial for trial in usable if trial.name in selection.members]
        mean = average(
            [self.predictions.test(trial) for trial in chosen],
            [selection.members[trial.name] for trial in chosen],
        )
        labels, same = self.held_out.test_y, seeds_of(best, usable)
        error = noise(self.metric, labels, mean[None], rows=len(labels), seed=self.settings.seed).errors[0]
        return {
            "result": {
                "trial": best.name,
                "candidate": best.candidate,
                "members": dict(selection.members),
                "validation_score": selection.validation_score,
                "test_score": score(self.metric, labels, mean),
                "noise": selection.noise,
                "test_noise": float(error) if np.isfinite(error) else None,
                "level": list(selection.level),
                "seeds": len({trial.seed for trial in same}),
                "seeds_score": fmean(trial.score for trial in same if trial.score is not None),
                "single_validation_score": best.score,
                "single_test_score": score(self.metric, labels, self.predictions.test(best)),
                "reason": reason,
            }
        }


def _opened(best: Trial, selection: Selection, usable: Sequence[Trial]) -> list[Trial]:
    """The trials that meet the test rows: the best one, and the members."""
    return [best, *(t for t in usable if t.name in selection.members and t.name != best.name)]


def _choice(trials: Sequence[Trial], usable: Sequence[Trial]) -> str:
    """The key of a choice: trials come, and trials are disqualified, so two numbers name the set."""
    return f"{len(trials)}/{len(usable)}"
