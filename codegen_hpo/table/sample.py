"""Draws a sample of the user's table, where it is larger than what is wanted of it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.errors import DataError
from codegen_hpo.table.encoding.arrays import Ints
from codegen_hpo.table.encoding.levels import levels_of
from codegen_hpo.table.labels import read_labels
from codegen_hpo.table.rows import Rows
from codegen_hpo.table.split import FEWEST

OF_A_CLASS = 3  # rows that a class keeps: one to learn from, one to choose by, one to be tested on


def sample_rows(rows: Rows, count: int, *, target: str, group_column: str | None, seed: int) -> Rows:
    """At most `count` of the user's rows, drawn at random, in their order; the own test table stays whole.

    Each class has its share of them, and three rows if it had as many. With a group column whole groups are
    drawn, as many as fit. A time column changes nothing: the sample is of the whole period.

    Raises:
        DataError: too few rows for that, or nothing can be learnt from those that were drawn.
    """
    if count < FEWEST:
        raise DataError(f"a sample of {count} rows is too small", hint=f"Ask for {FEWEST} rows at least.")
    own = len(rows.frame) - rows.own_test
    if own <= count:
        return rows
    generator = np.random.default_rng([seed, count])
    labels = rows.labels
    if group_column is not None:
        picked = _groups(levels_of(rows.frame[group_column]).codes[:own], count, generator, group_column)
    elif labels.kind == "regression":
        picked = generator.permutation(own)[:count]
    else:
        picked = _of_classes(labels.values[:own], count, generator)
    kept = np.concatenate([np.sort(picked), np.arange(own, len(rows.frame))])
    frame = rows.frame.iloc[kept].reset_index(drop=True)
    try:
        again = replace(read_labels(frame[target], labels.kind), reason=labels.reason)
    except DataError as error:
        raise DataError(
            f"a sample of {count} rows will not do: {error}",
            hint="Ask for more --rows, or take another --seed.",
        ) from None
    warnings, lacking = rows.warnings, len(labels.classes) - len(again.classes)
    if lacking:
        warnings += (f"the sample has no row of {lacking} of {len(labels.classes)} classes",)
    return rows._replace(frame=frame, labels=again, warnings=warnings)


def _of_classes(codes: Ints, count: int, generator: np.random.Generator) -> Ints:
    """Row numbers: every so many-th row in the order of the classes, then what rare classes lack."""
    sizes = np.bincount(codes)
    classes = np.flatnonzero(sizes)
    if count < OF_A_CLASS * len(classes):
        raise DataError(
            f"a sample of {count} rows is too small for {len(classes)} classes",
            hint=f"Ask for {OF_A_CLASS * len(classes)} rows at least.",
        )
    order = generator.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    chosen = np.zeros(len(order), dtype=bool)  # along `order`
    chosen[np.floor((np.arange(count) + generator.random()) * len(order) / count).astype(np.int64)] = True
    ends = np.cumsum(sizes)
    for code in classes:
        members = slice(ends[code] - sizes[code], ends[code])
        least = min(OF_A_CLASS, sizes[code])
        if chosen[members].sum() < least:
            chosen[members] = False
            chosen[members.start : members.start + least] = True
    for code in classes[np.argsort(-sizes[classes], kind="stable")]:  # the largest ones give what that took
        members = np.flatnonzero(chosen[ends[code] - sizes[code] : ends[code]]) + ends[code] - sizes[code]
        surplus = min(int(chosen.sum()) - count, len(members) - OF_A_CLASS)
        if surplus <= 0:
            break
        chosen[members[:surplus]] = False
    return order[chosen]


def _groups(codes: Ints, count: int, generator: np.random.Generator, column: str) -> NDArray[np.int64]:
    """Row numbers of groups in random order, each taken if it fits; rows without a group are a group."""
    sizes = np.bincount(codes + 1)
    left, taken = count, np.zeros(len(sizes), dtype=bool)
    for group in generator.permutation(np.flatnonzero(sizes)).tolist():
        if sizes[group] <= left:
            taken[group] = True
            left -= int(sizes[group])
    if not taken.any():
        smallest = sizes[sizes > 0].min()
        raise DataError(
            f"no group of {column!r} fits a sample of {count} rows, the smallest has {smallest}",
            hint="Ask for more rows.",
        )
    return np.flatnonzero(taken[codes + 1])
