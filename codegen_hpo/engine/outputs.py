"""The trained models of a trial, one or one a fold, and what they predict, in the target's unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.bundle import bundle_folders, read_codec
from codegen_hpo.errors import reading
from codegen_hpo.records import Trial
from codegen_hpo.scoring.ensemble import average
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.table.target import TargetCodec

Floats = NDArray[np.float64]


class Model(NamedTuple):
    """One trained network."""

    name: str  # "t003", or "t003-fold2"
    folder: str  # of its files, relative to the run
    seed: int


def models_of(trial: Trial) -> list[Model]:
    """The trained models of a trial that has a score."""
    return models(trial.candidate, trial.name, trial.seed, max(1, len(trial.folds)))


def models(candidate: str, trial: str, seed: int, folds: int) -> list[Model]:
    """The models that a trial of so many folds leaves; each has a seed of its own."""
    base = f"candidates/{candidate}/trials/{trial}"
    if folds == 1:
        return [Model(trial, base, seed)]
    return [
        Model(f"{trial}-fold{number + 1}", f"{base}/fold{number + 1}", (seed + number) % 2**32)
        for number in range(folds)
    ]


def outputs_files(folder: RunFolder, trial: Trial, part: str) -> list[Path]:
    """The file of each model's raw outputs for the "validation" or "test" rows: (rows, n_outputs) float32.

    The validation rows of a fold's model are those that it left out.
    """
    return [folder.file(f"{model.folder}/{part}_outputs.npy") for model in models_of(trial)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Decodes what a run's models gave: each learnt a target that was standardised for its own rows."""

    folder: RunFolder
    codecs: tuple[TargetCodec, ...]  # of each fold

    @classmethod
    def of(cls, folder: RunFolder, folds: int) -> "Predictions":
        """Those of a prepared run. Raises ConfigError if its bundles are missing or damaged."""
        bundles = bundle_folders(folder.path / "bundle", folds)
        return cls(folder=folder, codecs=tuple(map(read_codec, bundles)))

    def validation(self, trial: Trial, rows: NDArray[np.int64] | None = None) -> Floats:
        """A trial's predictions for the validation rows, or for those of these ascending numbers."""
        found, begin = [], 0
        for path in outputs_files(self.folder, trial, "validation"):
            with reading(path):
                outputs = np.load(path, mmap_mode="r", allow_pickle=False)
            if rows is None:
                found.append(np.array(outputs))
            else:
                first, last = np.searchsorted(rows, (begin, begin + len(outputs)))
                found.append(np.array(outputs[rows[first:last] - begin]))
                begin += len(outputs)
        return self.left_out(found, trial.call.target_transform)

    def test(self, trial: Trial) -> Floats:
        """A trial's predictions for the test rows."""
        outputs = []
        for path in outputs_files(self.folder, trial, "test"):
            with reading(path):
                outputs.append(np.load(path, allow_pickle=False))
        return self.mean(outputs, trial.call.target_transform)

    def left_out(self, outputs: Sequence[NDArray[np.float32]], transform: str) -> Floats:
        """The predictions for the validation rows, given each model's outputs, one fold after the other."""
        decoded = [codec.decode(one, transform) for codec, one in zip(self.codecs, outputs, strict=True)]
        return np.concatenate(decoded)

    def mean(self, outputs: Sequence[NDArray[np.float32]], transform: str) -> Floats:
        """The trial's predictions for other rows, given each model's outputs for all of them."""
        decoded = [codec.decode(one, transform) for codec, one in zip(self.codecs, outputs, strict=True)]
        return average(decoded, [1.0] * len(decoded))
