"""Warns of columns that give the target away, before anything is trained.

A column is named when, all alone, it predicts training rows that its little model has not seen nearly as well
as the target itself would: nine tenths of the variance of a number, a ranking of two classes that is right
99 times in 100, or all but a thirtieth of the errors of always naming the largest class. What is known that
well beforehand is, more often than not, the target in other words or made from it. Honest columns can do so,
too: it is a question to a person. The labels of test and validation rows are not looked at for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codegen_hpo.table.encoding.arrays import PIECE, Floats, Ints
from codegen_hpo.table.encoding.levels import levels_of
from codegen_hpo.table.encoding.moments import read_moments
from codegen_hpo.table.encoding.numbers import read_flags, read_numbers
from codegen_hpo.table.labels import Labels
from codegen_hpo.table.memory import give_back
from codegen_hpo.table.profile import Column, Profile
from codegen_hpo.table.split import Split

SAMPLE_ROWS = 5_000
FOLDS = 3
MOST_TESTED = 40  # columns that a tree is fitted on: the most telling ones of a wide table
MOST_CLASSES = 20  # larger than the others; the others count as one
STRONG_R2, STRONG_AUC, STRONG_LIFT = 0.9, 0.99, 0.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A suspicion, for a person to judge."""

    column: str  # empty when it is about rows
    message: str
    strength: float  # in [0, 1]: the score that gave it away, or the share of rows


class _Single(NamedTuple):
    """One column of the sample: values, or codes of levels with -1 for missing."""

    name: str
    values: Floats | None
    codes: Ints | None


def leak_warnings(frame: pd.DataFrame, labels: Labels, profile: Profile, split: Split) -> tuple[Leak, ...]:
    """What should be looked at before anything is trained: telling columns, then shared rows, then keys."""
    return (
        *_telling_columns(frame, labels, profile, split),
        *_shared_rows(frame, profile, split),
        *_identifiers(profile),
    )


def _telling_columns(frame: pd.DataFrame, labels: Labels, profile: Profile, split: Split) -> list[Leak]:
    generator = np.random.default_rng(split.seed)
    picked = generator.permutation(split.fitted)[:SAMPLE_ROWS]
    sample, y = frame.iloc[picked], labels.values[picked]
    wanted = _indicators(y, labels)  # (rows, outputs)
    if not float(wanted.var(axis=0).sum()):
        return []
    singles = [_single(column, sample[column.name]) for column in profile.features]
    if len(singles) > MOST_TESTED:
        singles = sorted(singles, key=lambda single: -_spread_of_means(single, wanted))[:MOST_TESTED]
    rule = _rule(labels)
    leaks = []
    for single in singles:
        strength = rule.strength(y, _out_of_fold(single, wanted))
        if strength >= rule.threshold:
            message = (
                f"{single.name!r} alone tells the target: {rule.name} {strength:.3f} on unseen rows; "
                "drop it if it is not known before the target is"
            )
            leaks.append(Leak(column=single.name, message=message, strength=strength))
    return sorted(leaks, key=lambda leak: -leak.strength)


class _Rule(NamedTuple):
    name: str
    threshold: float
    strength: Callable[[NDArray[Any], Floats], float]


def _rule(labels: Labels) -> _Rule:
    if labels.kind == "regression":
        return _Rule("R²", STRONG_R2, _r2)
    if labels.kind == "binary":
        return _Rule("ROC AUC", STRONG_AUC, _auc)
    return _Rule("accuracy above the largest class", STRONG_LIFT, _lift)


def _r2(y: NDArray[Any], guess: Floats) -> float:
    return float(1 - np.mean((y - guess[:, 0]) ** 2) / max(float(np.var(y)), 1e-300))


def _auc(y: NDArray[Any], guess: Floats) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y == 1, guess[:, 1])) if 0 < np.mean(y == 1) < 1 else 0.0


def _lift(y: NDArray[Any], guess: Floats) -> float:
    """1 when every class is right, 0 when no more than the largest class is; rare classes count as one."""
    kept = _kept_classes(y)
    truth = np.where(np.isin(y, kept), np.searchsorted(kept, y), len(kept))
    largest = float(np.bincount(truth).max() / len(truth))
    right = float(np.mean(guess.argmax(axis=1) == truth))
    return (right - largest) / (1 - largest) if largest < 1 else 0.0


def _kept_classes(y: NDArray[Any]) -> NDArray[Any]:
    counts = np.bincount(y)
    return np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])


def _indicators(y: NDArray[Any], labels: Labels) -> Floats:
    if labels.kind == "regression":
        return y.astype(np.float64)[:, None]
    if labels.kind == "binary":
        return np.stack([y == 0, y == 1], axis=1).astype(np.float64)
    kept = _kept_classes(y)
    known = (y[:, None] == kept[None, :]).astype(np.float64)
    return np.concatenate([known, 1 - known.sum(axis=1, keepdims=True)], axis=1)


def _single(column: Column, values: "pd.Series[Any]") -> _Single:
    if column.kind in ("categorical", "text"):
        return _Single(column.name, None, levels_of(values).codes)
    if column.kind == "boolean":
        numbers_read = read_flags(values)
    elif column.kind == "datetime":
        numbers_read = read_moments(values, column.layout)
    else:
        numbers_read = read_numbers(values, column.decimal)
    known = numbers_read[~np.isnan(numbers_read)]
    lowest = float(known.min()) if len(known) else 0.0
    # missing values on one side of all others: a split of their own
    return _Single(
        column.name, np.where(np.isnan(numbers_read), lowest - 1 - abs(lowest), numbers_read), None
    )


def _spread_of_means(single: _Single, wanted: Floats) -> float:
    """The share of the target's variance between groups of like values: a quick measure for wide tables."""
    if single.codes is not None:
        groups = np.minimum(single.codes, 200) + 1
    else:
        assert single.values is not None
        groups = np.searchsorted(np.quantile(single.values, np.linspace(0, 1, 21)[1:-1]), single.values)
    counts = np.bincount(groups)
    between = 0.0
    for output in wanted.T:
        sums = np.bincount(groups, output - output.mean())
        between += float(np.sum(sums[counts > 0] ** 2 / counts[counts > 0]))
    return between


def _out_of_fold(single: _Single, wanted: Floats) -> Floats:
    """(rows, outputs): each third predicted from the other two, by a small tree or by the levels' means."""
    fold = np.arange(len(wanted)) % FOLDS
    guess = np.empty_like(wanted)
    for number in range(FOLDS):
        fit, rest = fold != number, fold == number
        predict = _level_means if single.codes is not None else _tree
        guess[rest] = predict(single, wanted, fit, rest)
    return guess


def _tree(single: _Single, wanted: Floats, fit: NDArray[np.bool_], rest: NDArray[np.bool_]) -> Floats:
    from sklearn.tree import DecisionTreeRegressor

    assert single.values is not None
    values = np.clip(single.values, -3e38, 3e38).astype(np.float32)[:, None]
    tree = DecisionTreeRegressor(max_depth=7, min_samples_leaf=3, random_state=0).fit(
        values[fit], wanted[fit]
    )
    predicted: Floats = tree.predict(values[rest])
    return predicted.reshape(-1, wanted.shape[1])


def _level_means(single: _Single, wanted: Floats, fit: NDArray[np.bool_], rest: NDArray[np.bool_]) -> Floats:
    assert single.codes is not None
    codes = single.codes + 1
    counts = np.bincount(codes[fit], minlength=int(codes.max()) + 1)[:, None]
    overall = wanted[fit].mean(axis=0)
    sums = np.stack([np.bincount(codes[fit], w[fit], len(counts)) for w in wanted.T], axis=1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
    return np.asarray(means[codes[rest]], dtype=np.float64)


def _shared_rows(frame: pd.DataFrame, profile: Profile, split: Split) -> list[Leak]:
    """Test rows that are in training, too, with every feature and the target equal.

    A few columns of numbers are compared first, and of the others only the rows that are alike so far.
    """
    names = [profile.target, *(column.name for column in profile.features)]
    parts = [_Keys(rows, np.zeros(len(rows), dtype=np.uint64)) for rows in (split.fitted, split.test)]
    native = [name for name in names if _is_native(frame[name])]
    texts = [name for name in names if name not in set(native)]
    for stage in (native[:3], native[3:], texts):
        for column in (frame[name] for name in stage):
            for rows, keys in parts:
                keys *= np.uint64(0x9E3779B97F4A7C15)
                keys += _hashes(column.iloc[rows])
        both = np.intersect1d(parts[0].keys, parts[1].keys)
        parts = [_Keys(rows[np.isin(keys, both)], keys[np.isin(keys, both)]) for rows, keys in parts]
        give_back(len(frame))
    shared = len(parts[1].rows)
    if not shared:
        return []
    message = f"{shared} of {len(split.test)} test rows are in the training rows, too, equal in every column"
    return [Leak(column="", message=message, strength=shared / len(split.test))]


class _Keys(NamedTuple):
    rows: Ints
    keys: NDArray[np.uint64]  # (rows,) equal where the rows are, as far as they were compared


def _is_native(column: "pd.Series[Any]") -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufmM"


def _hashes(column: "pd.Series[Any]") -> NDArray[np.uint64]:
    if _is_native(column):
        return np.asarray(pd.util.hash_array(column.to_numpy()), dtype=np.uint64)
    levels = levels_of(column)
    pieces = range(0, len(levels), PIECE)
    hashes = [pd.util.hash_array(np.array(levels.texts[at : at + PIECE], dtype=object)) for at in pieces]
    return np.concatenate([*hashes, np.zeros(1, dtype=np.uint64)])[levels.codes]


def _identifiers(profile: Profile) -> list[Leak]:
    return [
        Leak(column=column.name, message=f"{column.name!r} is left out: {column.reason}", strength=0.0)
        for column in profile.of_kind("identifier")
    ]
