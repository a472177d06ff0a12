"""What a sandbox may see, as arrays in a folder: training rows with labels, evaluation rows without.

The folder is mounted read-only into the sandbox, whose worker maps the files into memory:

    meta.json      {"version": 1, "kind": "regression" | "binary" | "multiclass", "n_numeric": int,
                    "cardinalities": [int, ...], "n_outputs": int,
                    "stop_on": "mse" | "mae" | "msle" | "log_loss",
                    "target": null | {"default": "none" | "log" | "sqrt",
                                      "transforms": {"none": T, "log": T, "sqrt": T}}}
                   T = {"formula": "identity" | "log" | "signed_log1p" | "signed_sqrt", "scale": float,
                        "mean": float, "std": float, "low": float, "high": float}
    quantiles.npy  (n_numeric, 65) float32
    train_num.npy  (rows, n_numeric) float32      train_cat.npy  (rows, n_categorical) int64
    train_y.npy    (rows,) float64 in the target's unit (regression), int64 class codes otherwise
    inner_num.npy, inner_cat.npy, inner_y.npy     the early-stopping rows, cut from the training rows
    eval_num.npy, eval_cat.npy                    rows to predict, without labels

A folder for prediction holds meta.json, quantiles.npy and the two eval files only.
Validation and test labels never enter this folder (design, section 3). A transform is
`z = (f(y) - mean) / std` with f(y) = y, log(y), sign(y) log1p(|y| / scale) or sign(y) sqrt(|y|); z is clipped
to [low, high] before it is undone, so that a wild output cannot overflow.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.errors import reading
from codegen_hpo.table.encoding import Encoded, Encoding
from codegen_hpo.table.target import TargetCodec, fit_codec
from codegen_hpo.task import Task

QUANTILES = 65  # of each encoded numeric column
STOP_ON = {"rmse": "mse", "r2": "mse", "mae": "mae", "rmsle": "msle"}  # what early stopping watches

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What was written, and which row of the task's frame each row to predict is."""

    folder: Path
    codec: TargetCodec
    validation_rows: Ints  # (evaluation rows,) the order of eval_num.npy
    test_rows: Ints  # (test rows,) the order in which their features are to be given

    @property
    def default_transform(self) -> str:
        """The target transform used when a function declares none: "none" or "log"."""
        return self.codec.default


def write_bundle(folder: Path, task: Task, encoding: Encoding, seed: int) -> Bundle:
    """The training bundle, written; its evaluation rows are the validation rows in a secret order.

    The order comes from the seed and the hash of the table, which no sandbox is told: a table sorted by its
    target gives nothing away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secret = np.random.default_rng([seed, int(hashlib.sha256(task.sha256.encode()).hexdigest(), 16)])
    validation, test = secret.permutation(task.split.validation), secret.permutation(task.split.test)
    codec = fit_codec(task.kind, task.labels[task.split.fitted])
    train = encoding.transform(task.frame.iloc[task.split.train])
    inner = encoding.transform(task.frame.iloc[task.split.inner])
    _write_json(folder / "meta.json", _meta(task, encoding, codec))
    _save(folder / "quantiles.npy", _quantiles(np.concatenate([train.x_num, inner.x_num])))
    for part, features, rows in (("train", train, task.split.train), ("inner", inner, task.split.inner)):
        _save_features(folder, part, features)
        _save(folder / f"{part}_y.npy", task.labels[rows])
    _save_features(folder, "eval", encoding.transform(task.frame.iloc[validation]))
    return Bundle(folder=folder, codec=codec, validation_rows=validation, test_rows=test)


def write_features(
    folder: Path, meta_from: Path, x_num: NDArray[np.float32], x_cat: NDArray[np.int64]
) -> None:
    """A folder for prediction, written: the facts of the bundle `meta_from`, and these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("meta.json", "quantiles.npy"):
        with reading(meta_from / name):
            facts = (meta_from / name).read_bytes()
        (folder / name).write_bytes(facts)
    _save_features(folder, "eval", Encoded(x_num, x_cat))


def read_codec(folder: Path) -> TargetCodec:
    """The codec of a bundle's meta.json. Raises ConfigError when it is missing or damaged."""
    with reading(folder / "meta.json"):
        return TargetCodec.from_meta(json.loads((folder / "meta.json").read_text("utf-8")))


def _meta(task: Task, encoding: Encoding, codec: TargetCodec) -> dict[str, Any]:
    return {
        "version": 1,
        "kind": task.kind,
        "n_numeric": len(encoding.numeric_names),
        "cardinalities": list(encoding.cardinalities),
        "n_outputs": task.n_outputs,
        "stop_on": STOP_ON.get(task.metric.name, "log_loss"),
        "target": codec.to_meta(),
    }


def _quantiles(x_num: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n_numeric, 65) float32, each row not falling."""
    grid = np.linspace(0.0, 1.0, QUANTILES)
    quantiles = np.empty((x_num.shape[1], QUANTILES), dtype=np.float32)
    for start in range(0, len(quantiles), 64):  # some columns at a time: a copy of all could be too large
        quantiles[start : start + 64] = np.quantile(x_num[:, start : start + 64], grid, axis=0).T
    return quantiles


def _save_features(folder: Path, part: str, features: Encoded) -> None:
    _save(folder / f"{part}_num.npy", features.x_num.astype(np.float32, copy=False))
    _save(folder / f"{part}_cat.npy", features.x_cat.astype(np.int64, copy=False))


def _save(path: Path, array: NDArray[Any]) -> None:
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, allow_nan=False, indent=1), "utf-8")
