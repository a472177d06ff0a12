"""Joins the user's table, and the test table if there is one, with the labels of their rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from codegen_hpo.errors import DataError
from codegen_hpo.table.kind import Kind
from codegen_hpo.table.labels import Labels, read_labels
from codegen_hpo.table.names import did_you_mean
from codegen_hpo.table.read import Table


class Rows(NamedTuple):
    """The rows that have a target."""

    frame: pd.DataFrame  # index from 0
    labels: Labels
    own_test: int  # how many of the last rows are the user's own test table
    warnings: tuple[str, ...]


def labelled_rows(
    own: Table, test: Table | None, target: str, kind: Kind | None, drop: Sequence[str] = ()
) -> Rows:
    """The rows of both tables with their labels. Raises DataError when the tables do not fit each other."""
    frame = own.frame
    if test is not None:
        lacking = [name for name in frame.columns if name not in test.frame.columns and name not in drop]
        if lacking:
            shown = ", ".join(f"{name!r:.60}" for name in lacking[:5])
            raise DataError(
                f"the test table {test.name} lacks {len(lacking)} columns of {own.name}: {shown}",
                hint=did_you_mean(str(lacking[0]), map(str, test.frame.columns)),
            )
        frame = pd.concat([frame, test.frame.reindex(columns=frame.columns)], ignore_index=True)
    labels = read_labels(frame[target], kind)
    kept = frame if labels.keep.all() else frame[labels.keep].reset_index(drop=True)
    own_test = int(np.sum(labels.keep[len(own.frame) :]))
    if test is not None and not own_test:
        raise DataError(f"the test table {test.name} has no row with a target {target!r}")
    return Rows(kept, labels, own_test, _warnings(labels, target, own_test))


def _warnings(labels: Labels, target: str, own_test: int) -> tuple[str, ...]:
    warnings = []
    dropped = int(np.sum(~labels.keep))
    if dropped:
        warnings.append(f"{dropped} of {len(labels.keep)} rows have no {target!r} and are left out")
    if own_test and labels.classes:
        learnt = set(labels.values[:-own_test].tolist())
        unseen = [name for code, name in enumerate(labels.classes) if code not in learnt]
        if unseen:
            warnings.append(f"{len(unseen)} classes are in the test table only, such as {unseen[0]!r:.60}")
    return tuple(warnings)
