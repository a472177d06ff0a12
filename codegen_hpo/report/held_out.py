"""The rows that a report shows a model on: its predictions and labels, and what the model saw of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.assistant.record import Record
from codegen_hpo.bundle import bundle_folders
from codegen_hpo.engine.outputs import Floats, Predictions, models_of
from codegen_hpo.errors import reading
from codegen_hpo.records import Member
from codegen_hpo.scoring.ensemble import average
from codegen_hpo.scoring.holdout import HeldOut


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutRows:
    """Rows that no training saw: of the test part once it was opened, else of the validation part."""

    part: str  # "test" or "validation"
    labels: NDArray[Any]  # (rows,) float64 in the target's unit, or int64 class codes
    predictions: Floats  # (rows,), or (rows, n_classes) probabilities
    x_num: NDArray[np.float32]  # (rows, n_numeric) encoded
    x_cat: NDArray[np.int64]  # (rows, n_categorical) codes

    @classmethod
    def of(cls, record: Record, members: tuple[Member, ...]) -> "HeldOutRows":
        """Those of the run's model. Raises ConfigError if a file of the run is missing or damaged.

        Args:
            record: of the run of a table that has a trial with a score.
            members: of the model.
        """
        folder = record.folder
        folds = len(models_of(members[0].trial))
        known, weights = Predictions.of(folder, folds), [member.weight for member in members]
        held_out = HeldOut.load(folder.path / "labels")
        opened = {event.key for event in folder.of_kind("opened")}
        if record.history.final and all(member.trial.name in opened for member in members):
            part, labels = "test", held_out.test_y
            places: tuple[Path, ...] = (folder.path / "test",)
            predictions = average([known.test(member.trial) for member in members], weights)
        else:
            part, labels = "validation", held_out.validation_y
            places = bundle_folders(folder.path / "bundle", folds)
            predictions = average([known.validation(member.trial) for member in members], weights)
        return cls(
            part=part,
            labels=labels,
            predictions=predictions,
            x_num=_rows(places, "eval_num.npy"),
            x_cat=_rows(places, "eval_cat.npy"),
        )


def _rows(places: tuple[Path, ...], name: str) -> NDArray[Any]:
    arrays = []
    for place in places:
        with reading(place / name):
            arrays.append(np.load(place / name, allow_pickle=False))
    return np.concatenate(arrays)
