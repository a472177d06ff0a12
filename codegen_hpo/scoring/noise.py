"""How far chance moves a metric: the bootstrap over the rows that it was computed on.

Efron, "Bootstrap Methods: Another Look at the Jackknife" (Annals of Statistics 7, 1979). All models are
scored on the same resampled rows, so that the error of a difference is that of paired predictions: much
smaller than the two errors suggest, for a hard row is hard for all. Rows are taken for independent: where
they come in groups or along time, the real error is larger.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.scoring.many import SORTING, losses
from codegen_hpo.task import Metric

LEVEL = 1.96  # standard errors: a difference within them is chance's, at 95 %

_RESAMPLES = 200  # the standard error of a standard error is then 5 %
# Rows resampled, all models together: of more a part is taken, whose error is larger by a known factor.
_CELLS, _SORTED_CELLS = 100_000, 30_000

Floats = NDArray[np.float64]


class Noise(NamedTuple):
    """Standard errors, in the metric's unit; NaN where the metric is not defined on too few resamples."""

    errors: Floats  # (models,) of each model's score
    differences: Floats  # (models,) of each score's difference to that of the first model


def noise(metric: Metric, y_true: NDArray[np.generic], predictions: Floats, *, rows: int, seed: int) -> Noise:
    """The noise of scores that models have on `rows` rows.

    Args:
        y_true: (rows,) labels, or those of a part of the rows, drawn at random.
        predictions: (models, rows) values or (models, rows, n_classes) probabilities, of the same rows.
    """
    generator = np.random.default_rng(seed)
    models, known = predictions.shape[:2]
    cells = _SORTED_CELLS if metric.name in SORTING else _CELLS
    drawn = min(known, max(1, cells // (predictions.size // known)))
    found = np.empty((_RESAMPLES, models))
    for number in range(_RESAMPLES):
        places = generator.integers(0, known, drawn)
        found[number] = losses(metric, y_true[places], predictions[:, places])
    found = found[np.isfinite(found).all(axis=1)]
    if len(found) < _RESAMPLES // 2:
        return Noise(np.full(models, np.nan), np.full(models, np.nan))
    scale = math.sqrt(drawn / rows)
    errors = scale * found.std(axis=0, ddof=1)
    return Noise(errors, scale * (found - found[:, :1]).std(axis=0, ddof=1))
