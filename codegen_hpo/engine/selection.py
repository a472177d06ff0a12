"""Which models make the final one: chosen by the validation predictions that the run has already."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.engine.outputs import Predictions
from codegen_hpo.records import Trial
from codegen_hpo.scoring.ensemble import MODELS, average, searched_rows, select
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.scoring.noise import LEVEL, noise
from codegen_hpo.task import Metric

_COMPARED = 20  # trials that are compared with the winner; whoever ranks below is not level with it

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The members of the final model, as validation sees them."""

    members: Mapping[str, float]  # weight by trial, the heaviest first; one alone has weight 1
    validation_score: float | None  # of the members' mean, on all validation rows
    noise: float | None  # standard error of that score
    level: tuple[str, ...]  # trials whose distance from the best one is within the noise

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Selection":
        return cls(**dict(data) | {"level": tuple(data["level"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Selects among trained models."""

    metric: Metric
    predictions: Predictions
    held_out: HeldOut
    seed: int

    def selection(self, best: Trial, trials: Sequence[Trial], *, most: int) -> Selection:
        """The ensemble, or `best` alone where no ensemble is better than every trial on the validation rows.

        Args:
            best: the trial that is the model without an ensemble.
            trials: all that may be members, best first.
            most: members of the ensemble.
        """
        members, value = {best.name: 1.0}, best.score
        if most > 1 and len(trials) > 1:
            ensemble = self._ensemble(trials[:MODELS], most)
            averaged = score(self.metric, self.held_out.validation_y, self._mean(ensemble, trials))
            least = min(trial.loss for trial in trials if trial.loss is not None)
            if averaged is not None and self.metric.loss(averaged) < least:
                members, value = ensemble, averaged
        compared = [best, *(trial for trial in trials if trial.name != best.name)][:_COMPARED]
        error, differences = self._noise(compared, members, trials)
        return Selection(
            members=members,
            validation_score=value,
            noise=error,
            level=tuple(
                trial.name
                for trial, difference in zip(compared[1:], differences[1:], strict=True)
                if abs((trial.loss or 0.0) - (best.loss or 0.0)) <= LEVEL * difference
            ),
        )

    def _ensemble(self, trials: Sequence[Trial], most: int) -> dict[str, float]:
        rows = self._searched(trials)
        library = np.stack([self.predictions.validation(trial, rows) for trial in trials])
        labels = self.held_out.validation_y[rows]
        weights = select(self.metric, labels, library, most=most, seed=self.seed)
        return {trials[number].name: round(weight, 4) for number, weight in weights.items()}

    def _noise(
        self, compared: Sequence[Trial], members: Mapping[str, float], trials: Sequence[Trial]
    ) -> tuple[float | None, list[float]]:
        """The standard errors of the members' score, and of each trial's difference to the first one."""
        rows = self._searched(compared)
        predictions = [self.predictions.validation(trial, rows) for trial in compared]
        predictions.append(self._mean(members, trials, rows))
        labels = self.held_out.validation_y
        found = noise(self.metric, labels[rows], np.stack(predictions), rows=len(labels), seed=self.seed)
        error = float(found.errors[-1])
        return error if np.isfinite(error) else None, found.differences[:-1].tolist()

    def _mean(
        self, members: Mapping[str, float], trials: Sequence[Trial], rows: NDArray[np.int64] | None = None
    ) -> Floats:
        chosen = [trial for trial in trials if trial.name in members]
        predictions = [self.predictions.validation(trial, rows) for trial in chosen]
        return average(predictions, [members[trial.name] for trial in chosen])

    def _searched(self, trials: Sequence[Trial]) -> NDArray[np.int64]:
        """Numbers of validation rows: all, or as many as so many trials are quickly scored on."""
        width = self.predictions.validation(trials[0], np.arange(1)).size
        return searched_rows(self.metric, len(trials), len(self.held_out.validation_y), width, seed=self.seed)
