"""How much worse the model predicts when a column's values are dealt out among the rows at random.

Breiman, "Random Forests" (2001), section 10, for any model: what is lost is what the model draws from the
column beside all others. Columns that tell the same share what they tell, and each may look dispensable.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from codegen_hpo.assistant.record import Record
from codegen_hpo.bundle import bundle_folders, write_features
from codegen_hpo.engine.outputs import Floats, models_of
from codegen_hpo.engine.prediction import predict_members
from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Member
from codegen_hpo.report.columns import Group, groups
from codegen_hpo.report.held_out import HeldOutRows
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.scoring.metrics import score
from codegen_hpo.table.encoding import Encoding

_ROWS = 1000  # drawn at random where there are more
_FEWEST_ROWS = 50
_REPEATS = 3
_GROUPS = 100  # of a wider table, the first ones
_PREDICTIONS = 200_000  # of one network in all, about: an ensemble gets fewer rows
_SEED = 0


class Lost(NamedTuple):
    """What shuffling some columns costs."""

    names: tuple[str, ...]
    loss: float  # metric, signed so that higher is worse, mean over the repeats
    spread: float  # standard deviation over the repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Permutation:
    """The columns by what the model draws from them, the most first."""

    rows: int
    repeats: int
    left_out: int  # columns that were not shuffled
    score: float  # of the same rows, as they are
    columns: tuple[Lost, ...]


def permutation(
    record: Record, members: tuple[Member, ...], encoding: Encoding, rows: HeldOutRows, sandbox: Sandbox
) -> Permutation | None:
    """The importance of each column for the model that is used; None where the metric is not defined.

    Predictions come from the sandbox, as always; nothing is imported here. Raises SandboxError, ConfigError.
    """
    if rows.part == "validation" and len(models_of(members[0].trial)) > 1:
        raise ConfigError("the run has folds and is not finished: each row was learnt by some of its models")
    found = groups(encoding)
    shuffled = found[:_GROUPS]
    models = sum(len(models_of(member.trial)) for member in members)
    count = min(
        _ROWS, max(_FEWEST_ROWS, _PREDICTIONS // (models * (1 + _REPEATS * len(shuffled)))), len(rows.labels)
    )
    generator = np.random.default_rng(_SEED)
    picked = np.sort(generator.choice(len(rows.labels), count, replace=False))
    predictions = _predicted(record, members, rows, sandbox, shuffled, picked, generator)
    labels, metric = rows.labels[picked], record.metric
    scores = [score(metric, labels, part) for part in predictions.reshape(-1, count, *predictions.shape[1:])]
    if any(value is None for value in scores):
        return None
    losses = np.array([metric.loss(value) for value in scores if value is not None])
    worse = losses[1:].reshape(len(shuffled), _REPEATS) - losses[0]
    told = [
        Lost(group.names, float(mean), float(spread))
        for group, mean, spread in zip(shuffled, worse.mean(axis=1), worse.std(axis=1), strict=True)
    ]
    return Permutation(
        rows=count,
        repeats=_REPEATS,
        left_out=sum(len(group.names) for group in found[_GROUPS:]),
        score=float(scores[0] or 0.0),
        columns=tuple(sorted(told, key=lambda lost: -lost.loss)),
    )


def _predicted(
    record: Record,
    members: tuple[Member, ...],
    rows: HeldOutRows,
    sandbox: Sandbox,
    shuffled: list[Group],
    picked: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    generator: np.random.Generator,
) -> Floats:
    """The predictions of the picked rows, then of each shuffling of them, one under the other."""
    base_num, base_cat = rows.x_num[picked], rows.x_cat[picked]
    parts_num, parts_cat = [base_num], [base_cat]
    for group in shuffled:
        for _ in range(_REPEATS):
            order = generator.permutation(len(picked))
            x_num, x_cat = base_num.copy(), base_cat.copy()
            x_num[:, group.numeric] = base_num[order][:, group.numeric]
            x_cat[:, group.categorical] = base_cat[order][:, group.categorical]
            parts_num.append(x_num)
            parts_cat.append(x_cat)
    folder = record.folder
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        features = Path(place) / "rows"
        bundles = bundle_folders(folder.path / "bundle", len(models_of(members[0].trial)))
        write_features(features, bundles[0], np.concatenate(parts_num), np.concatenate(parts_cat))
        return predict_members(folder, members, features, sandbox)
