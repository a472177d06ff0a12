"""Small bundles with a known answer, for tests of sandboxes and functions."""

import json
from pathlib import Path
from typing import Any

import numpy as np

_CODES = 5


def write_sample_bundle(
    folder: Path, kind: str = "regression", *, rows: int = 400, n_numeric: int = 4, seed: int = 0
) -> Path:
    """The folder, filled with a bundle that a small network learns.

    There are `rows` training rows and a quarter of that in the inner and the evaluation part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    for part, count in (("train", rows), ("inner", max(2, rows // 4)), ("eval", max(2, rows // 4))):
        num = generator.standard_normal((count, n_numeric)).astype(np.float32)
        cat = generator.integers(0, _CODES, (count, 1))
        np.save(folder / f"{part}_num.npy", num)
        np.save(folder / f"{part}_cat.npy", cat)
        if part != "eval":
            np.save(folder / f"{part}_y.npy", _labels(kind, num, cat))
        if part == "train":
            grid = np.linspace(0, 1, 65)
            np.save(folder / "quantiles.npy", np.quantile(num, grid, axis=0).T.astype(np.float32))
    (folder / "meta.json").write_text(json.dumps(_meta(kind, n_numeric)))
    return folder


def _signal(num: np.ndarray[Any, Any], cat: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(num.sum(axis=1) + cat[:, 0].astype(np.float64))


def _labels(kind: str, num: np.ndarray[Any, Any], cat: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(rows,) float64, positive, for a regression; int64 codes otherwise."""
    signal = _signal(num, cat)
    if kind == "regression":
        return np.asarray(np.exp(signal / 4))
    thresholds = [2.0] if kind == "binary" else [0.5, 3.5]
    return np.asarray(np.digitize(signal, thresholds), dtype=np.int64)


def _meta(kind: str, n_numeric: int) -> dict[str, Any]:
    wide = {"scale": 1.0, "low": -20.0, "high": 20.0}
    target = {
        "default": "none",
        "transforms": {
            "none": {"formula": "identity", "mean": 1.9, "std": 1.0, **wide},
            "log": {"formula": "log", "mean": 0.5, "std": 0.6, **wide},
            "sqrt": {"formula": "signed_sqrt", "mean": 1.3, "std": 0.4, **wide},
        },
    }
    return {
        "version": 1,
        "kind": kind,
        "n_numeric": n_numeric,
        "cardinalities": [_CODES],
        "n_outputs": 3 if kind == "multiclass" else 1,
        "stop_on": "mse" if kind == "regression" else "log_loss",
        "target": target if kind == "regression" else None,
    }
