"""Reads a file into a table."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype, is_object_dtype

from codegen_hpo.errors import DataError
from codegen_hpo.table.delimited import read_delimited
from codegen_hpo.table.encoding.arrays import PIECE
from codegen_hpo.table.encoding.levels import level_name, levels_of
from codegen_hpo.table.memory import give_back
from codegen_hpo.table.names import refuse_duplicates
from codegen_hpo.table.parquet import read_parquet
from codegen_hpo.table.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows and named columns. Names are texts, stripped and unique; the index counts from 0."""

    name: str  # the file's name, without a path
    frame: pd.DataFrame = field(repr=False)
    sha256: str  # of the file's bytes, or of a frame's cells
    warnings: tuple[str, ...] = ()  # what was guessed in reading it

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, name: str = "frame") -> "Table":
        """A table of a frame's columns; its index is left out. Raises DataError for unusable names."""
        if frame.empty:
            rows, columns = frame.shape
            raise DataError(f"{name}: the frame has {rows} rows and {columns} columns: nothing to learn")
        frame = as_columns(frame, name)
        return cls(name=name, frame=frame, sha256=_hash(frame))


def read_table(path: str | Path) -> Table:
    """The table in a CSV file (any delimiter and encoding, gzip too) or a Parquet file. Raises DataError."""
    source = Source(Path(path))
    sha256, begin = source.sha256(), source.begin(4)
    notes: tuple[str, ...] = ()
    if begin == b"PK\x03\x04":
        raise DataError(f"{source.name} is a zip or Excel file", hint="Save the sheet as CSV.")
    if begin == b"PAR1":
        frame = read_parquet(source)
        names = [_column_name(label) for label in frame.columns]
        refuse_duplicates(names, source.name)
        frame = frame.set_axis(names, axis=1).reset_index(drop=True)
    else:
        frame, notes = read_delimited(source)
    if not len(frame):
        raise DataError(f"{source.name}: a header of {frame.shape[1]} columns, but no rows")
    give_back(len(frame))
    return Table(name=source.name, frame=as_texts(frame), sha256=sha256, warnings=notes)


def as_columns(frame: pd.DataFrame, name: str = "frame") -> pd.DataFrame:
    """The frame as a table has it, see `Table`. Raises DataError for names that two columns share."""
    names = [_column_name(label) for label in frame.columns]
    refuse_duplicates(names, name)
    return as_texts(frame.set_axis(names, axis=1).reset_index(drop=True))


def as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with each column of Python objects as texts, made once: each later look takes no loop.

    A cell is read by its text (see `encoding.levels_of`), so nothing changes in what it means.
    """
    mixed = [
        str(name)
        for name, dtype in frame.dtypes.items()
        if is_object_dtype(dtype) and infer_dtype(frame[str(name)]) != "string"
    ]
    frame = frame.copy(deep=False)
    for name in mixed:
        frame[name] = _texts(frame[name])
    return frame


def _texts(column: "pd.Series[Any]") -> "pd.Series[Any]":
    pieces = []
    for start in range(0, len(column), PIECE):
        levels = levels_of(column.iloc[start : start + PIECE])
        pieces.append(pd.Series(np.array([*levels.names, None], dtype=object)[levels.codes]))
    return pd.concat(pieces, ignore_index=True)


def _column_name(label: object) -> str:
    if isinstance(label, tuple):
        return " ".join(level_name(part) for part in label)
    return level_name(label)


def _hash(frame: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}\0{column.dtype}\0".encode(errors="backslashreplace"))
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufmM":
            digest.update(column.to_numpy().tobytes())
        else:
            levels = levels_of(column)
            for at in range(0, len(levels), PIECE):
                texts = levels.texts[at : at + PIECE].tolist()
                digest.update("\0".join([*texts, ""]).encode(errors="backslashreplace"))
            digest.update(levels.codes.tobytes())
    return digest.hexdigest()
