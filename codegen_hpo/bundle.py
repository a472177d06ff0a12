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
A run whose rows are dealt into folds has a folder for each of them, fold1, fold2, …: whoever trains on one
sees no label of the rows that it leaves out. Quantiles are then those of the rows of all folds; `target` is
the fold's own.
Validation and test labels never enter this folder (design, section 3). A transform is
`z = (f(y) - mean) / std` with f(y) = y, log(y), sign(y) log1p(|y| / scale) or sign(y) sqrt(|y|); z is clipped
to [low, high] before it is undone, so that a wild output cannot overflow.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codegen_hpo.errors import reading
from codegen_hpo.table.encoding import Encoding
from codegen_hpo.table.split import Fold
from codegen_hpo.table.target import TargetCodec, fit_codec
from codegen_hpo.task import Task

QUANTILES = 65  # of each encoded numeric column
STOP_ON = {"rmse": "mse", "r2": "mse", "mae": "mae", "rmsle": "msle"}  # what early stopping watches

QUANTILE_ROWS = 1 << 18  # of a larger table: a quantile is then off by a tenth of a percentile
PIECE_ROWS = 1 << 16  # read at once

Ints = NDArray[np.int64]


def bundle_folders(folder: Path, folds: int) -> tuple[Path, ...]:
    """Where the bundles of so many folds are in the folder, in the order of the folds; 1 is no folds."""
    return (folder,) if folds == 1 else tuple(folder / f"fold{number}" for number in range(1, folds + 1))


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
    """The training bundle of a task without folds, written; see `write_bundles`."""
    (bundle,) = write_bundles(folder, task, encoding, seed)
    return bundle


def write_bundles(folder: Path, task: Task, encoding: Encoding, seed: int) -> tuple[Bundle, ...]:
    """The training bundles, written: one, or one a fold. Their evaluation rows are in a secret order.

    The order comes from the seed and the hash of the table, which no sandbox is told: a table sorted by its
    target gives nothing away.
    """
    secret = np.random.default_rng([seed, int(hashlib.sha256(task.sha256.encode()).hexdigest(), 16)])
    trainings = task.split.trainings
    validations = [secret.permutation(training.validation) for training in trainings]
    test = secret.permutation(task.split.test)
    bundles = []
    places = bundle_folders(folder, len(trainings))
    for place, training, validation in zip(places, trainings, validations, strict=True):
        codec = fit_codec(task.kind, task.labels[training.fitted])
        _write_training(place, task, encoding, training, validation, codec)
        bundles.append(Bundle(folder=place, codec=codec, validation_rows=validation, test_rows=test))
    parts = ("train", "inner", "eval") if task.split.folds else ("train", "inner")
    quantiles = _quantiles([bundles[0].folder / f"{part}_num.npy" for part in parts], seed)
    for bundle in bundles:
        _save(bundle.folder / "quantiles.npy", quantiles)
    return tuple(bundles)


def _write_training(
    folder: Path, task: Task, encoding: Encoding, training: Fold, validation: Ints, codec: TargetCodec
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "meta.json", _meta(task, encoding, codec))
    for part, rows in (("train", training.train), ("inner", training.inner), ("eval", validation)):
        _write_pieces(folder, part, encoding, task.frame, rows)
    for part, rows in (("train", training.train), ("inner", training.inner)):
        _save(folder / f"{part}_y.npy", task.labels[rows])


def write_features(
    folder: Path, meta_from: Path, x_num: NDArray[np.float32], x_cat: NDArray[np.int64]
) -> None:
    """A folder for prediction, written: the facts of the bundle `meta_from`, and these rows."""
    _copy_facts(folder, meta_from)
    _save(folder / "eval_num.npy", x_num.astype(np.float32, copy=False))
    _save(folder / "eval_cat.npy", x_cat.astype(np.int64, copy=False))


def write_rows(
    folder: Path, meta_from: Path, encoding: Encoding, frame: pd.DataFrame, rows: Ints | None = None
) -> None:
    """As `write_features`, of a frame's rows, or of those with these numbers; encoded a piece at a time."""
    _copy_facts(folder, meta_from)
    _write_pieces(folder, "eval", encoding, frame, rows)


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


def _quantiles(paths: Sequence[Path], seed: int) -> NDArray[np.float32]:
    """(n_numeric, 65) float32, each row not falling; of rows drawn at random, if there are more of them."""
    picked = some_rows(sum(map(row_count, paths)), QUANTILE_ROWS, seed)
    x_num = picked_rows(paths, picked)
    grid = np.linspace(0.0, 1.0, QUANTILES)
    quantiles = np.empty((x_num.shape[1], QUANTILES), dtype=np.float32)
    for start in range(0, len(quantiles), 64):  # some columns at a time: a copy of all could be too large
        quantiles[start : start + 64] = np.quantile(x_num[:, start : start + 64], grid, axis=0).T
    return quantiles


def some_rows(rows: int, most: int, seed: int) -> Ints:
    """Rising row numbers: all of them, or as many as wanted, drawn at random."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False)).astype(np.int64)


def _copy_facts(folder: Path, meta_from: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("meta.json", "quantiles.npy"):
        with reading(meta_from / name):
            facts = (meta_from / name).read_bytes()
        (folder / name).write_bytes(facts)


def _write_pieces(
    folder: Path, part: str, encoding: Encoding, frame: pd.DataFrame, rows: Ints | None
) -> None:
    """The two arrays of a part, written as they are encoded: they are never in memory as a whole."""
    count = len(frame) if rows is None else len(rows)
    with (folder / f"{part}_num.npy").open("wb") as num, (folder / f"{part}_cat.npy").open("wb") as cat:
        _header(num, np.dtype(np.float32), (count, len(encoding.numeric_names)))
        _header(cat, np.dtype(np.int64), (count, len(encoding.cardinalities)))
        for piece in encoding.pieces(frame, rows):
            num.write(piece.x_num.data if piece.x_num.size else b"")
            cat.write(piece.x_cat.data if piece.x_cat.size else b"")


def _header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, int]) -> None:
    told = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, told)


def row_count(path: Path) -> int:
    """The rows of a .npy file."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        return int(np.lib.format.read_array_header_1_0(file)[0][0])


def array_pieces(path: Path) -> Iterator[NDArray[Any]]:
    """The rows of a .npy file, some at a time.

    They are read, not mapped: mapped pages count as memory of the process.
    """
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        for start in range(0, shape[0], PIECE_ROWS):
            count = min(PIECE_ROWS, shape[0] - start)
            values = np.fromfile(file, dtype, count * int(np.prod(shape[1:])))
            yield values.reshape(count, *shape[1:])


def picked_rows(paths: Sequence[Path], rows: Ints) -> NDArray[Any]:
    """The rows with these rising numbers, of the files' arrays one under the other."""
    picked, begin = [], 0
    for piece in chain.from_iterable(map(array_pieces, paths)):
        first, last = np.searchsorted(rows, (begin, begin + len(piece)))
        picked.append(piece[rows[first:last] - begin])
        begin += len(piece)
    return np.concatenate(picked)


def _save(path: Path, array: NDArray[Any]) -> None:
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, allow_nan=False, indent=1), "utf-8")
