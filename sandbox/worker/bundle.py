"""The folder of arrays that a trial may see; `codegen_hpo/bundle.py` documents the files."""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Features(NamedTuple):
    """Rows without labels."""

    num: Tensor  # (rows, n_numeric) float32
    cat: Tensor  # (rows, n_categorical) int64


class Rows(NamedTuple):
    """Rows with labels."""

    num: Tensor  # (rows, n_numeric) float32
    cat: Tensor  # (rows, n_categorical) int64
    y: Tensor  # (rows,) float64 in the target's unit, or int64 class codes


class Bundle:
    """The arrays, mapped into memory before a child is forked: children share the pages."""

    def __init__(self, folder: Path) -> None:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if meta["version"] != 1:
            raise ValueError(
                f"{folder / 'meta.json'}: version {meta['version']}, this worker reads version 1"
            )
        self.kind: str = meta["kind"]
        self.cardinalities: list[int] = meta["cardinalities"]
        self.n_numeric: int = meta["n_numeric"]
        self.n_outputs: int = meta["n_outputs"]
        self.stop_on: str = meta["stop_on"]
        self.target: dict[str, Any] | None = meta["target"]
        self._arrays = {file.stem: _map(file) for file in sorted(folder.glob("*.npy"))}

    @property
    def default_transform(self) -> str:
        return self.target["default"] if self.target else "none"

    def quantiles(self) -> Tensor:
        """(n_numeric, 65) float32, a copy that the candidate may change."""
        return self._tensor("quantiles").clone()

    def features(self, part: str, device: torch.device) -> Features:
        """The features of the part "train", "inner" or "eval"."""
        num, cat = self._tensor(f"{part}_num"), self._tensor(f"{part}_cat")
        return Features(num.to(device), cat.to(device))

    def rows(self, part: str, device: torch.device) -> Rows:
        """The part "train" or "inner" with its labels."""
        return Rows(*self.features(part, device), self._tensor(f"{part}_y").to(device))

    def _tensor(self, name: str) -> Tensor:
        if name not in self._arrays:
            raise FileNotFoundError(f"the bundle holds no {name}.npy")
        with warnings.catch_warnings():
            # torch warns that the map is read-only; the loops hand out copies
            warnings.simplefilter("ignore")
            return torch.from_numpy(np.asarray(self._arrays[name]))


def fingerprint(folder: Path) -> str:
    """SHA-256 of the files' names and sizes and of meta.json, as the host computes it; empty if unseen."""
    try:
        digest = hashlib.sha256((folder / "meta.json").read_bytes())
        for file in sorted(folder.glob("*.npy")):
            digest.update(f"{file.name} {file.stat().st_size}\n".encode())
    except OSError:
        return ""
    return digest.hexdigest()


def _map(file: Path) -> np.ndarray[Any, Any]:
    mode: Literal["r"] | None = "r" if _has_elements(file) else None
    array: np.ndarray[Any, Any] = np.load(file, mmap_mode=mode, allow_pickle=False)
    return array


def _has_elements(file: Path) -> bool:
    # an array without elements cannot be mapped: mmap refuses a length of 0
    with file.open("rb") as opened:
        version = np.lib.format.read_magic(opened)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, _ = read(opened)
    return 0 not in shape
