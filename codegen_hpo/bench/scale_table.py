"""Tables of any length with twenty columns: numbers, categories, codes, a boolean, dates and a target."""

from pathlib import Path

import numpy as np
import pandas as pd

from codegen_hpo.errors import ConfigError

TARGET = "y"
PIECE_ROWS = 1 << 18
_COLORS = np.array(["red", "green", "blue", "black", "white"])
_ZONES = np.array([f"zone {number}" for number in range(200)])
_SHOPS = np.array([f"shop-{number:05d}" for number in range(20_000)])


def scale_rows(rows: int, seed: int) -> pd.DataFrame:
    """So many rows; moments are datetime64, texts Python strings."""
    draw = np.random.default_rng(seed)
    columns = {f"x{n}": np.round(draw.normal(size=rows) * 10 ** (n % 3), 3) for n in range(8)}
    columns["money"] = np.round(draw.lognormal(3, 1, rows), 2)
    columns["count"] = draw.poisson(4, rows)
    columns["gaps"] = np.where(draw.random(rows) < 0.1, np.nan, np.round(draw.normal(size=rows), 3))
    columns["color"] = _COLORS[draw.integers(0, len(_COLORS), rows)]
    columns["zone"] = _ZONES[np.minimum(draw.exponential(30, rows).astype(int), len(_ZONES) - 1)]
    columns["shop"] = _SHOPS[np.minimum(draw.exponential(2_000, rows).astype(int), len(_SHOPS) - 1)]
    columns["code"] = draw.integers(0, 50, rows)
    columns["flag"] = draw.random(rows) < 0.3
    columns["start"] = np.datetime64("2019-01-01") + draw.integers(0, 10**8, rows).astype("timedelta64[s]")
    columns["end"] = columns["start"] + draw.integers(60, 9_000, rows).astype("timedelta64[s]")
    columns["size"] = draw.integers(1, 10**6, rows)
    signal = columns["x0"] + np.log(columns["money"]) + columns["flag"]
    columns[TARGET] = np.round(signal + draw.normal(size=rows), 4)
    return pd.DataFrame(columns)


def write_scale_table(path: Path, rows: int) -> None:
    """The table, written a piece at a time. Raises ConfigError without pyarrow, which writes both formats."""
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError:
        raise ConfigError(
            "bench scale needs pyarrow, which is not installed", hint="pip install 'codegen-hpo[parquet]'"
        ) from None
    first = pa.Table.from_pandas(_piece(path, 0, min(rows, PIECE_ROWS)), preserve_index=False)
    writer = parquet.ParquetWriter if path.suffix == ".parquet" else csv.CSVWriter
    with writer(str(path), first.schema) as file:
        file.write_table(first)
        for number in range(1, -(-rows // PIECE_ROWS)):
            piece = _piece(path, number, min(PIECE_ROWS, rows - number * PIECE_ROWS))
            file.write_table(pa.Table.from_pandas(piece, schema=first.schema, preserve_index=False))


def _piece(path: Path, number: int, rows: int) -> pd.DataFrame:
    """One piece; in a CSV file moments are texts to the second."""
    frame = scale_rows(rows, seed=number)
    if path.suffix == ".parquet":
        return frame
    return frame.assign(start=frame["start"].astype(str), end=frame["end"].astype(str))
