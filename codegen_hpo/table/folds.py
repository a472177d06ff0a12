"""Deals the rows that are not test rows into folds: each row is left out of one training, and scored there.

Cross-validation: Stone, "Cross-Validatory Choice and Assessment of Statistical Predictions" (Journal of the
Royal Statistical Society B 36, 1974). A small table is too small to leave a fifth of it out for good.
"""

import numpy as np

from codegen_hpo.errors import ConfigError
from codegen_hpo.table.split import Fold, Ints, Split, inner_part

FOLDS = 5  # of a small table
SMALL = 3_000  # rows, the user's own test table left out: below, folds are the default
MOST = 20


def usual_folds(split: Split, rows: int) -> int:
    """How many folds a table of so many rows has by default; 1 is a validation part.

    The past of a fold in the middle of a table along time would be its future as well: there are none.
    """
    if rows >= SMALL or split.rule == "time":
        return 1
    return FOLDS if split.groups is None else min(FOLDS, len(np.unique(split.groups[split.free])))


def deal_folds(split: Split, count: int, codes: Ints | None) -> tuple[Fold, ...]:
    """So many folds: each class is spread over them alike, and groups stay whole. None for a count of 1.

    Args:
        codes: class codes of all rows; None for a regression.

    Raises:
        ConfigError: a count that cannot be.
    """
    _check(split, count)
    if count == 1:
        return ()
    free = split.free
    generator = np.random.default_rng([split.seed, count])
    if split.groups is not None:
        left_out = _dealt_groups(split.groups[free], count, generator)
    else:
        order = generator.permutation(len(free))
        if codes is not None:
            order = order[np.argsort(codes[free][order], kind="stable")]
        left_out = np.empty(len(free), dtype=np.int64)
        left_out[order] = np.arange(len(free)) % count
    return tuple(_fold(split, free, left_out == number, codes, number) for number in range(count))


def _check(split: Split, count: int) -> None:
    if not 1 <= count <= MOST:
        raise ConfigError(f"folds is {count}, expected 1 to {MOST}")
    if count == 1:
        return
    if split.rule == "time":
        raise ConfigError(
            f"{count} folds and a time column are both given: a fold would be predicted from its own future",
            hint="leave out --folds or --time-column",
        )
    parts = len(split.free) if split.groups is None else len(np.unique(split.groups[split.free]))
    if count > parts:
        what = "rows" if split.groups is None else "groups"
        raise ConfigError(
            f"{count} folds cannot be made of {parts} {what} that are not for testing",
            hint=f"--folds {parts} at most",
        )


def _dealt_groups(groups: Ints, count: int, generator: np.random.Generator) -> Ints:
    """(rows,) the fold of each row: groups in a random order, the largest first, to the smallest fold."""
    known, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = generator.permutation(len(known))
    fold_of = np.empty(len(known), dtype=np.int64)
    rows = np.zeros(count, dtype=np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[group] = np.argmin(rows)
        rows[fold_of[group]] += sizes[group]
    return fold_of[members]


def _fold(split: Split, free: Ints, left_out: np.ndarray, codes: Ints | None, number: int) -> Fold:
    fitted = free[~left_out]
    inner = inner_part(fitted, codes, split.groups, [split.seed, number])
    return Fold(train=np.setdiff1d(fitted, inner), inner=inner, validation=free[left_out])
