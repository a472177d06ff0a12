"""Greedy ensemble selection over the validation predictions of all models.

Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models" (ICML 2004): models
are added with replacement, each time the one that helps most (section 2.1), beginning with the best few
(2.2), in random halves of the library whose ensembles are averaged (2.3). What is averaged are predictions in
the target's unit, or probabilities.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.scoring.many import SORTING, losses
from codegen_hpo.task import Metric

MODELS = 200  # the best of a larger library; whoever ranks below adds nothing to an average

_BAGS = 20  # of section 2.3
_PICKS = 20  # most models in one bag's ensemble, repetitions counted
_PATIENCE = 5  # picks that do not help
_LEAST = 0.02  # a member's weight: below, it costs its prediction and changes nothing
# Cells (models, rows, classes) that are searched: every pick scores an ensemble for each model of its bag.
_CELLS, _SORTED_CELLS = 500_000, 200_000

Floats = NDArray[np.float64]


def searched_rows(metric: Metric, models: int, rows: int, outputs: int, *, seed: int) -> NDArray[np.int64]:
    """Which rows are searched, ascending: all, or as many as `models` models are quickly scored on."""
    most = (_SORTED_CELLS if metric.name in SORTING else _CELLS) // (models * outputs)
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).permutation(rows)[: max(1, most)])


def select(
    metric: Metric, y_true: NDArray[np.generic], library: Floats, *, most: int, seed: int
) -> dict[int, float]:
    """The weight of each member, by its number in the library, the heaviest first; they sum to 1.

    Args:
        y_true: (rows,) labels.
        library: (models, rows) values or (models, rows, n_classes) probabilities.
        most: members; the heaviest are kept.
    """
    generator = np.random.default_rng(seed)
    alone = losses(metric, y_true, library)
    weights: Counter[int] = Counter()
    for _ in range(_BAGS):
        size = max(min(2, len(library)), (len(library) + 1) // 2)
        bag = generator.permutation(len(library))[:size]
        bag = bag[np.argsort(alone[bag], kind="stable")]
        picks = _greedy(metric, y_true, library, bag)
        for pick in picks:
            weights[pick] += 1 / len(picks)  # type: ignore[assignment]
    heaviest = sorted(weights, key=lambda member: (-weights[member], member))[:most]
    kept = [member for member in heaviest if weights[member] >= _LEAST * _BAGS] or heaviest[:1]
    total = sum(weights[member] for member in kept)
    return {member: weights[member] / total for member in kept}


def _greedy(
    metric: Metric, y_true: NDArray[np.generic], library: Floats, bag: NDArray[np.int64]
) -> list[int]:
    """The members of the best ensemble on the way, repetitions counted, of models ordered by their loss."""
    models = library[bag]
    picks, total, best = _begun(metric, y_true, models)
    length = len(picks)
    while len(picks) < _PICKS and len(picks) < length + _PATIENCE:
        tried = losses(metric, y_true, (total + models) / (len(picks) + 1))
        pick = int(np.argmin(tried))
        picks.append(pick)
        total = total + models[pick]
        if tried[pick] < best:
            best, length = float(tried[pick]), len(picks)
    return [int(bag[pick]) for pick in picks[:length]]


def _begun(metric: Metric, y_true: NDArray[np.generic], models: Floats) -> tuple[list[int], Floats, float]:
    """The first so many models whose average is best, their sum and their loss."""
    first = models[: _PICKS // 2]
    counts = np.arange(1, len(first) + 1).reshape(-1, *[1] * (models.ndim - 1))
    averaged = losses(metric, y_true, np.cumsum(first, axis=0) / counts)
    number = int(np.argmin(averaged)) + 1
    return list(range(number)), first[:number].sum(axis=0), float(averaged[number - 1])


def average(predictions: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """The weighted mean of members' predictions: (rows,) values or (rows, n_classes) probabilities."""
    total = predictions[0] * weights[0]
    for prediction, weight in zip(predictions[1:], weights[1:], strict=True):
        total += prediction * weight
    return np.asarray(total / sum(weights))
