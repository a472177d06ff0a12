"""Whether a model predicts each row from that row alone, as whoever uses it will expect.

A model can look better than it is by what a single prediction does not show: statistics of the rows beside
it, a state that training left in memory, the count of its calls. So before a winner is scored on the test
rows, its weights are loaded in a fresh process, which is given test and validation rows in one secret order,
in batches of another size. Of the validation rows it must say what it said in training. Test rows, which no
training has seen, stand there twice, and it must say the same of them both times.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.bundle import write_features
from codegen_hpo.errors import reading
from codegen_hpo.scoring.holdout import HeldOut

MAX_COMPARED = 50_000  # validation rows, and test rows; a dependence that matters shows in far fewer
# Small enough that a batch's statistics are far from those of the worker's own 2048 and 16,384 rows: a mean
# over 97 rows is off by 10 % of a standard deviation. Primes, so that no common size is a multiple.
_BATCH_ROWS = (97, 1021)
_MANY_ROWS = 200_000  # from here on the larger: small batches cost time, and so many rows show what is there

# Of the outputs' spread, by the device of the training; predictions come from the CPU. Float32 differs by
# 1e-6 from one batch size to another, TF32 of a GPU (ten bits) by 1e-3, and bfloat16 by 0.8 % for one row in
# a hundred. Statistics of 97 rows differ by 10 %, those of 1021 by 3 %, and for one row in a hundred by more
# than twice that.
_TOLERANCE = {"cpu": 0.01, "cuda": 0.03}
# A model that decides (an expert for each row, a bin) may decide otherwise for a row at the edge.
_STRAY_ROWS = 0.01
_FLOOR = 1e-4  # of outputs that are all but constant; a unit is the target's standard deviation, or a logit
_MAPPED_BYTES = 1 << 20  # files from here on are mapped


class Mixed(NamedTuple):
    """A folder of test and validation rows in one order, and how to undo it."""

    places: NDArray[np.int64]  # where each row stands: the test rows, compared ones, repeated ones
    compared: NDArray[np.int64]  # numbers of validation rows
    repeated: NDArray[np.int64]  # numbers of test rows that stand there once more
    test_rows: int
    batch_rows: int

    def test(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """(test rows, n_outputs), in the order of the test rows."""
        return outputs[self.places[: self.test_rows]]

    def validation(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """(compared, n_outputs)"""
        return outputs[self.places[self.test_rows :][: len(self.compared)]]

    def again(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """(repeated, n_outputs), of the second time."""
        return outputs[self.places[self.test_rows + len(self.compared) :]]


def mix_rows(folder: Path, test: Path, bundles: Sequence[Path], held_out: HeldOut) -> Mixed:
    """The folder, written for prediction, with the rows to predict of the others.

    The order comes from the labels, which no sandbox ever sees: it is the same at each opening.
    """
    secret = hashlib.sha256(held_out.test_y.tobytes() + held_out.validation_y.tobytes())
    generator = np.random.default_rng(int(secret.hexdigest(), 16))
    n_test, n_validation = len(held_out.test_y), len(held_out.validation_y)
    compared = generator.permutation(n_validation)[:MAX_COMPARED]
    repeated = generator.permutation(n_test)[:MAX_COMPARED]
    places = generator.permutation(n_test + len(compared) + len(repeated))
    mixed = Mixed(places, compared, repeated, n_test, _batch_rows(len(places)))
    x_num, x_cat = (
        _mixed(_mapped(test / name), _stacked([bundle / name for bundle in bundles]), mixed)
        for name in ("eval_num.npy", "eval_cat.npy")
    )
    write_features(folder, bundles[0], x_num, x_cat)
    return mixed


def charge(
    mixed: Mixed, recorded: NDArray[np.float32], outputs: NDArray[np.float32], device: str, begin: int = 0
) -> str:
    """What speaks against a model; empty if nothing does.

    Args:
        recorded: (rows, n_outputs) as they came from the training: for the validation rows, or for those of
            them that its fold left out.
        outputs: (rows, n_outputs) of the mixed folder.
        device: of the training.
        begin: the number of the first recorded row among the validation rows.
    """
    own = (mixed.compared >= begin) & (mixed.compared < begin + len(recorded))
    of_training = complaint(recorded[mixed.compared[own] - begin], mixed.validation(outputs)[own], device)
    return of_training or complaint(mixed.test(outputs)[mixed.repeated], mixed.again(outputs), device)


def complaint(recorded: NDArray[np.float32], again: NDArray[np.float32], device: str) -> str:
    """How the predictions for some rows differ from one time to another; empty if they do not.

    Args:
        recorded: (rows, n_outputs) from the training's own process, or of the first time.
        again: the same rows' from the fresh one, or of the second time.
        device: of the training.
    """
    difference = np.abs(again.astype(np.float64) - recorded).max(axis=1)
    spread = _spread(recorded)
    tolerance = _TOLERANCE[device] * spread + _FLOOR
    stray = difference > tolerance
    if stray.sum() <= _STRAY_ROWS * len(stray):
        return ""
    return (
        f"its predictions for the same rows differ by up to {difference.max():.3g} (of a spread of "
        f"{spread:.3g}) when a fresh process loads the weights and the rows come in another order and batch "
        f"size: {100 * stray.mean():.0f} % of {len(stray)} rows by more than {tolerance:.2g}. They depend on "
        "the rows beside them, or on something that is not in the weights"
    )


def _spread(outputs: NDArray[np.float32]) -> float:
    """The outputs' standard deviation, as their quartiles tell it: a few wild rows must not widen it."""
    low, high = np.quantile(outputs.astype(np.float64), (0.25, 0.75), axis=0)
    widths = (high - low) / 1.349  # (n_outputs,)
    return float(np.sqrt(np.mean(widths**2))) or float(outputs.std())


def _batch_rows(rows: int) -> int:
    """Rows at a time: of a small table so few that there are three batches at least."""
    small, large = _BATCH_ROWS
    return large if rows > _MANY_ROWS else min(small, max(1, rows // 3))


def _mapped(path: Path) -> NDArray[Any]:
    with reading(path):
        # what has no elements, and a file so small, cannot or need not be mapped
        large = path.stat().st_size > _MAPPED_BYTES
        array: NDArray[Any] = np.load(path, allow_pickle=False, mmap_mode="r" if large else None)
        return array


def _stacked(paths: Sequence[Path]) -> NDArray[Any]:
    """The rows of all files; of a single one they are not copied."""
    return _mapped(paths[0]) if len(paths) == 1 else np.concatenate([_mapped(path) for path in paths])


def _mixed(test: NDArray[Any], validation: NDArray[Any], order: Mixed) -> NDArray[Any]:
    """(rows, columns): the one copy that is made."""
    rows = np.empty((len(order.places), test.shape[1]), test.dtype)
    rows[order.places[: len(test)]] = test
    rows[order.places[len(test) :]] = np.concatenate([validation[order.compared], test[order.repeated]])
    return rows
