"""Cuts the rows into training, early-stopping, validation and test parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.errors import DataError
from codegen_hpo.table.encoding.arrays import Floats
from codegen_hpo.table.encoding.levels import Levels, levels_of
from codegen_hpo.table.layouts import moments_of
from codegen_hpo.table.rows import Rows

Ints = NDArray[np.int64]

TEST_SHARE = 0.2  # of all rows
VALIDATION_SHARE = 0.2  # of all rows
INNER_SHARE = 0.125  # of what is left for training
VALIDATION_ROWS, INNER_ROWS = 4_000, 2_000  # that tell enough: of a table with more, the two shares shrink,
LEAST_SHARE = 0.05  # down to this one: what is not learnt from is missing in the model
MOST_INNER = 50_000  # rows: more would cost time after each pass, and tell no better when to stop
FEWEST = 20  # rows: below, no part holds enough to tell anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Row numbers of one training, (rows,) int64: what it learns from, and what it is scored on."""

    train: Ints  # without `inner`
    inner: Ints  # cut from the training rows, to stop early on
    validation: Ints

    @property
    def fitted(self) -> Ints:
        """`train` and `inner` together."""
        return np.sort(np.concatenate([self.train, self.inner]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Fold):
    """Row numbers of each part, (rows,) int64; every row is in exactly one part."""

    test: Ints
    method: str  # one line for a person
    seed: int
    rule: Literal["random", "time", "group"] = "random"
    groups: Ints | None = None  # (rows,) codes from -1, of a split by group
    warnings: tuple[str, ...] = ()
    folds: tuple[Fold, ...] = ()  # of the rows that are not test rows; none where `validation` is scored

    @property
    def trainings(self) -> tuple[Fold, ...]:
        """The rows of each training of a call: one, or one a fold."""
        return self.folds or (self,)

    @property
    def free(self) -> Ints:
        """All rows that are not test rows, ascending."""
        return np.sort(np.concatenate([self.fitted, self.validation]))


def split_rows(rows: Rows, *, time_column: str | None, group_column: str | None, seed: int) -> Split:
    """The split that the columns ask for: by time, by group, or at random. Raises DataError."""
    if time_column is not None and group_column is not None:
        raise DataError(
            "--time-column and --group-column are both given, a split has one rule", hint="Keep one of them."
        )
    if time_column is not None:
        moments = moments_of(rows.frame[time_column])
        return time_split(moments, column=time_column, seed=seed, own_test=rows.own_test)
    if group_column is not None:
        groups = levels_of(rows.frame[group_column])
        return group_split(groups, column=group_column, seed=seed, own_test=rows.own_test)
    codes = None if rows.labels.kind == "regression" else rows.labels.values
    return random_split(len(rows.frame), seed=seed, codes=codes, own_test=rows.own_test)


def random_split(rows: int, *, seed: int, codes: Ints | None = None, own_test: int = 0) -> Split:
    """A seeded random split; with class `codes`, each class is spread over the parts alike.

    The last `own_test` rows are the test part when there are any.
    """
    free = rows - own_test
    _refuse_few(free)
    generator = np.random.default_rng(seed)
    order = generator.permutation(free)
    if codes is not None:
        order = order[np.argsort(codes[:free][order], kind="stable")]
    part = _interleave(order, _shares(free, own_test > 0), generator)
    warnings: tuple[str, ...] = ()
    if codes is not None:
        warnings = _every_class_trains(part, codes[:free], order)
    how = "random, each class spread alike" if codes is not None else "random"
    return _join(part, rows, method=how + _own(own_test), seed=seed, warnings=warnings)


def time_split(moments: Floats, *, column: str, seed: int, own_test: int = 0) -> Split:
    """Trains on the past and tests on the newest rows; rows of one moment stay together.

    Rows without a moment go to training.
    """
    free = len(moments) - own_test
    _refuse_few(free)
    past = np.where(np.isnan(moments), -np.inf, moments)[:free]
    part = _cut_in_order(past, _shares(free, own_test > 0), column)
    undated = int(np.isnan(moments[:free]).sum())
    warnings = (f"{undated} rows without {column!r} are in training",) if undated else ()
    method = f"in the order of {column!r}: trained on the past, tested on the newest" + _own(own_test)
    joined = _join(part, len(moments), method=method, seed=seed, warnings=warnings)
    return replace(joined, rule="time")


def group_split(groups: Levels, *, column: str, seed: int, own_test: int = 0) -> Split:
    """A seeded random split of whole groups; rows without a group are a group."""
    codes = groups.codes
    free = len(codes) - own_test
    _refuse_few(free)
    ranks = np.random.default_rng(seed).permutation(int(codes.max()) + 2).astype(np.float64)
    part = _cut_in_order(ranks[codes[:free]], _shares(free, own_test > 0), column)
    warnings: tuple[str, ...] = ()
    shared = len(set(codes[:free].tolist()) & set(codes[free:].tolist()))
    if shared:
        warnings = (f"{shared} groups of {column!r} are in the training table and in the test table, too",)
    method = f"random groups of {column!r}, none on two sides" + _own(own_test)
    joined = _join(part, len(codes), method=method, seed=seed, warnings=warnings)
    return replace(joined, rule="group", groups=codes)


def inner_part(fitted: Ints, codes: Ints | None, groups: Ints | None, seed: Sequence[int]) -> Ints:
    """The row numbers, of these, that are cut off to stop early on, as a split cuts them.

    Args:
        fitted: row numbers, ascending.
        codes: class codes of all rows, to be spread alike.
        groups: codes from -1 of all rows, to be left whole where there are two or more.
        seed: of the draw.
    """
    generator = np.random.default_rng(seed)
    shares = (_inner_share(len(fitted)), 0.0, 0.0)
    if groups is not None and len(known := np.unique(groups[fitted])) > 1:
        ranks = generator.permutation(len(known)).astype(np.float64)
        part = _cut_in_order(ranks[np.searchsorted(known, groups[fitted])], shares, "groups")
    else:
        order = generator.permutation(len(fitted))
        if codes is not None:
            order = order[np.argsort(codes[fitted][order], kind="stable")]
        part = _interleave(order, shares, generator)
        if codes is not None:
            _every_class_trains(part, codes[fitted], order)
    return np.asarray(fitted[part == _INNER])


_TRAIN, _INNER, _VALIDATION, _TEST = range(4)


def _shares(rows: int, own_test: bool) -> tuple[float, float, float]:
    """Of all free rows: inner, validation, test."""
    test = 0.0 if own_test else TEST_SHARE
    validation = _shrunk(VALIDATION_SHARE, VALIDATION_ROWS, rows)
    fitted = 1 - test - validation
    return fitted * _inner_share(fitted * rows), validation, test


def _inner_share(fitted: float) -> float:
    """Of so many rows that are not held out."""
    return min(_shrunk(INNER_SHARE, INNER_ROWS, fitted), MOST_INNER / fitted)


def _shrunk(share: float, enough: int, rows: float) -> float:
    """A share of so many rows, or a smaller one that has enough of them."""
    return min(share, max(LEAST_SHARE, enough / rows))


def _refuse_few(rows: int) -> None:
    if rows < FEWEST:
        raise DataError(
            f"{rows} rows with a target are too few: training, validation and test need {FEWEST} at least",
            hint="Add rows.",
        )


def _interleave(order: Ints, shares: tuple[float, float, float], generator: np.random.Generator) -> Ints:
    """The part of each row, dealt along `order` so that any stretch of it is cut alike."""
    part = np.full(len(order), _TRAIN)
    rest = order
    for number, share in ((_TEST, shares[2]), (_VALIDATION, shares[1]), (_INNER, shares[0])):
        count = max(1, round(share * len(order))) if share else 0
        if not count:
            continue
        offset = generator.random()
        picks = np.floor((np.arange(count) + offset) * len(rest) / count).astype(np.int64)
        part[rest[picks]] = number
        rest = np.delete(rest, picks)
    return part


def _every_class_trains(part: Ints, codes: Ints, order: Ints) -> tuple[str, ...]:
    """Moves one row of each class that has none into training, in place; says which parts lack a class."""
    present = np.unique(codes)
    for code in np.setdiff1d(present, np.unique(codes[part == _TRAIN])):
        part[order[codes[order] == code][0]] = _TRAIN
    thin = [
        code for code in present if not all((codes[part == p] == code).any() for p in (_VALIDATION, _TEST))
    ]
    if not thin or not (part == _TEST).any():
        return ()
    return (
        f"{len(thin)} classes have too few rows to be in validation and test both: scores say little of them",
    )


def _cut_in_order(keys: Floats, shares: tuple[float, float, float], column: str) -> Ints:
    """The part of each row: training has the lowest keys, test the highest; equal keys stay together."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1  # where a new key begins
    needed = sum(share > 0 for share in shares)
    if len(changes) < needed:
        raise DataError(
            f"column {column!r} has {len(changes) + 1} values, the split needs {needed + 1} at least",
            hint="Choose another column, or leave it out for a random split.",
        )
    part = np.full(len(keys), _TRAIN)
    end = len(keys)
    for number, share in ((_TEST, shares[2]), (_VALIDATION, shares[1]), (_INNER, shares[0])):
        if share:
            needed -= 1  # boundaries to leave for the parts that are still to come
            free = changes[changes < end][needed:]
            start = int(free[np.argmin(np.abs(free - (end - share * len(keys))))])
            part[order[start:end]] = number
            end = start
    return part


def _own(own_test: int) -> str:
    return f"; the test part is your own table of {own_test} rows" if own_test else ""


def _join(part: Ints, rows: int, *, method: str, seed: int, warnings: tuple[str, ...]) -> Split:
    own = np.arange(len(part), rows)
    rows_of = [np.flatnonzero(part == number).astype(np.int64) for number in range(4)]
    return Split(
        train=rows_of[_TRAIN],
        inner=rows_of[_INNER],
        validation=rows_of[_VALIDATION],
        test=own if len(own) else rows_of[_TEST],
        method=method,
        seed=seed,
        warnings=warnings,
    )
