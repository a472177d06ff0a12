"""The labels that no sandbox sees, in the order in which their rows are predicted."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.bundle import Bundle
from codegen_hpo.errors import reading
from codegen_hpo.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Labels of the validation and test rows: float64 values, or int64 class codes."""

    validation_y: NDArray[Any]  # (validation rows,)
    test_y: NDArray[Any]  # (test rows,)
    validation_rows: NDArray[np.int64]  # row numbers in the task's frame
    test_rows: NDArray[np.int64]

    @classmethod
    def of(cls, task: Task, bundles: Sequence[Bundle]) -> "HeldOut":
        """The labels in the bundles' secret order: those that one fold leaves out after another's."""
        rows = np.concatenate([bundle.validation_rows for bundle in bundles])
        return cls(
            validation_y=task.labels[rows],
            test_y=task.labels[bundles[0].test_rows],
            validation_rows=rows,
            test_rows=bundles[0].test_rows,
        )

    def save(self, folder: Path) -> None:
        """Writes one .npy file an array into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for part in fields(self):
            np.save(folder / f"{part.name}.npy", getattr(self, part.name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> "HeldOut":
        """What `save` wrote. Raises ConfigError when it is missing or damaged."""
        arrays = {}
        for part in fields(cls):
            path = folder / f"{part.name}.npy"
            with reading(path):
                arrays[part.name] = np.load(path, allow_pickle=False)
        return cls(**arrays)
