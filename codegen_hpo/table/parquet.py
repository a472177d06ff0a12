"""Reads a Parquet file, some columns at a time: Arrow's table and pandas' beside it are twice the memory."""

import json
from typing import Any

import pandas as pd

from codegen_hpo.errors import ConfigError, DataError
from codegen_hpo.table.source import Source

_STEPS = 32  # pieces into which the columns are cut


def read_parquet(source: Source) -> pd.DataFrame:
    """The frame; a named index comes first among its columns.

    Raises:
        DataError: it cannot be read.
        ConfigError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise ConfigError(
            f"{source.name} is a Parquet file, and pyarrow is not installed",
            hint="pip install 'codegen-hpo[parquet]'",
        ) from None
    try:
        with source.opened() as file, ParquetFile(file if source.packed else source.path) as parquet:
            if _plain(parquet.schema_arrow):
                names = parquet.schema_arrow.names
                size = -(-len(names) // _STEPS)
                parts = [_frame(parquet.read(names[at : at + size])) for at in range(0, len(names), size)]
                frame = pd.concat(parts, axis=1) if len(parts) > 1 else parts[0]
            else:
                frame = parquet.read().to_pandas()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{source.name} cannot be read as Parquet: {error}") from None
    index_names = [label for label in frame.index.names if label is not None]
    return frame.reset_index() if index_names else frame


def _plain(schema: Any) -> bool:
    """Whether the columns can be read one after the other: no index among them, and no name with a dot.

    A dot is how a field within a column is named.
    """
    names = schema.names
    if not names or len(set(names)) < len(names) or any("." in name for name in names):
        return False
    told = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    return (
        all(isinstance(index, dict) for index in told.get("index_columns", []))
        and len(told.get("column_indexes", [])) <= 1
    )


def _frame(table: Any) -> pd.DataFrame:
    """One piece a column: pandas takes rows out of many pieces far more slowly."""
    frame: pd.DataFrame = table.combine_chunks().to_pandas()
    return frame
