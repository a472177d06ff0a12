"""Reads a file into a table."""

import csv
import gzip
import hashlib
import io
import re
import warnings
import zlib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from codegen_hpo.errors import ConfigError, DataError
from codegen_hpo.table.encoding import level_name, levels_of

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),  # before utf-16, whose mark it begins with
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# what Windows-1252 adds to ASCII in western European texts; a letter of another alphabet gives other signs
_WESTERN = frozenset(
    "ÄÖÜäöüßÀÂÆÇÈÉÊËÎÏÔŒÙÛŸàâæçèéêëîïôœùûÿÁÍÑÓÚáíñóúÃÕãõÅØåøìòÌÒ€£¥§°²³µ½¼¾·ºª«»‹›‘’“”„–—…•¿¡©®™´¨× "
)
_WORD = re.compile(r"[^\W\d_]+")
_DELIMITERS = ",;\t|"
_SNIFFED_LINES = 60
_LEADING_ZERO = re.compile(r"\s*0[0-9]")


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
        names = [_column_name(label) for label in frame.columns]
        _refuse_duplicates(names, name)
        if not names or not len(frame):
            raise DataError(
                f"{name}: the frame has {len(frame)} rows and {len(names)} columns: nothing to learn"
            )
        frame = frame.set_axis(names, axis=1).reset_index(drop=True)
        return cls(name=name, frame=frame, sha256=_hash(frame))


def read_table(path: str | Path) -> Table:
    """The table in a CSV file (any delimiter and encoding, gzip too) or a Parquet file. Raises DataError."""
    path = Path(path)
    data = _bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    data = _unpack(data, path.name)
    notes: tuple[str, ...] = ()
    if data[:4] == b"PAR1":
        frame = _read_parquet(data, path.name)
    else:
        frame, notes = _read_csv(data, path.name)
    if not len(frame):
        raise DataError(f"{path.name}: a header of {frame.shape[1]} columns, but no rows")
    return Table(name=path.name, frame=frame, sha256=sha256, warnings=notes)


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(
            f"{path.name or path} is a folder, a table file is expected", hint="Name a file in it."
        )
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, siblings, n=2, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Check the path."
        raise DataError(f"there is no file {path}", hint=hint) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not data:
        raise DataError(f"{path.name} is empty")
    return data


def _unpack(data: bytes, name: str) -> bytes:
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{name} begins like a gzip file, but cannot be unpacked: {error}") from None
    if data[:4] == b"PK\x03\x04":
        raise DataError(f"{name} is a zip or Excel file", hint="Save the sheet as CSV.")
    return data


def _read_parquet(data: bytes, name: str) -> pd.DataFrame:
    try:
        import pyarrow
    except ImportError:
        raise ConfigError(
            f"{name} is a Parquet file, and pyarrow is not installed",
            hint="pip install 'codegen-hpo[parquet]'",
        ) from None
    try:
        frame = pd.read_parquet(io.BytesIO(data), engine="pyarrow")
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{name} cannot be read as Parquet: {error}") from None
    index_names = [label for label in frame.index.names if label is not None]
    if index_names:
        frame = frame.reset_index()
    names = [_column_name(label) for label in frame.columns]
    _refuse_duplicates(names, name)
    return frame.set_axis(names, axis=1).reset_index(drop=True)


class _Read(NamedTuple):
    frame: pd.DataFrame
    warnings: tuple[str, ...]


def _read_csv(data: bytes, name: str) -> _Read:
    encoding = _encoding(data, name)
    lines = data[: 1 << 20] if encoding.startswith(("utf-16", "utf-32")) else data[: 1 << 18]
    sample = lines.decode(encoding, errors="ignore")
    # a wide header may be longer than the first piece
    if "\n" not in sample and "\r" not in sample:
        sample = data.decode(encoding, errors="replace")
    if not sample.strip():
        raise DataError(f"{name} holds blank lines only")
    delimiter = _delimiter(sample)
    header = _header(sample, delimiter, name)
    options: dict[str, Any] = {"sep": delimiter, "encoding": encoding, "index_col": False}
    frame = _parse(data, name, options | {"low_memory": False})
    if frame.shape[1] != len(header):
        raise DataError(f"{name}: the header names {len(header)} columns, the rows have {frame.shape[1]}")
    kept = _leading_zeros(data, frame, name, options)
    if kept:
        texts = _parse(data, name, options | {"dtype": str, "usecols": kept})
        frame = frame.assign(**{str(frame.columns[i]): texts.iloc[:, n] for n, i in enumerate(kept)})
    guessed = f"{name} is not UTF-8; it was read as {encoding}: save it as UTF-8 if letters look wrong"
    return _Read(frame.set_axis(header, axis=1), () if encoding.startswith("utf") else (guessed,))


def _parse(data: bytes, name: str, options: dict[str, Any]) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # "Length of header or names does not match length of data": values would be lost
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(io.BytesIO(data), **options)
    except pd.errors.ParserWarning:
        raise DataError(
            f"{name}: with the delimiter {options['sep']!r} the rows have more fields than the header",
            hint="Name every column in the header line, and quote values that hold the delimiter.",
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        reason = str(error).replace("Error tokenizing data. C error: ", "").strip()
        raise DataError(
            f"{name} cannot be read as CSV with the delimiter {options['sep']!r}: {reason}",
            hint="Check that each row has as many fields as the header, and that quotes are closed.",
        ) from None
    return frame


def _leading_zeros(data: bytes, frame: pd.DataFrame, name: str, options: dict[str, Any]) -> list[int]:
    """Positions of the columns of numbers with one that was written like 00501: codes, not quantities."""
    numeric = [i for i, dtype in enumerate(frame.dtypes) if getattr(dtype, "kind", "O") in "iuf"]
    if not numeric:
        return []
    rows = max(100, min(5_000, 1_000_000 // len(numeric)))
    sample = _parse(data, name, options | {"dtype": str, "usecols": numeric, "nrows": rows})
    written = [sample.iloc[:, n].dropna().astype(object) for n in range(len(numeric))]
    zero = [any(_LEADING_ZERO.match(text) for text in texts) for texts in written]
    return [i for i, has_zero in zip(numeric, zero, strict=True) if has_zero]


def _encoding(data: bytes, name: str) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    if b"\x00" in data[: 1 << 20]:
        raise DataError(f"{name} is a binary file, a CSV or Parquet table is expected")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if _western(data[: 1 << 18]):
            return "cp1252"
        from charset_normalizer import from_bytes

        best = from_bytes(data[: 1 << 18]).best()
        if best is None:
            raise DataError(
                f"{name} is no text in any encoding that is known", hint="Save the table as CSV in UTF-8."
            ) from None
        return best.encoding
    return "utf-8"


def _western(data: bytes) -> bool:
    """Whether the bytes read as western European text in Windows-1252, of which latin-1 is a part.

    The detector is unsure where few letters are beyond ASCII, as in most tables: it read "größe" as Baltic.
    """
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    if not {letter for letter in text if letter > "\x7f"} <= _WESTERN:
        return False
    accented = [word for word in _WORD.findall(text) if not word.isascii()]
    ascii_letters = sum(letter.isascii() for word in accented for letter in word)
    return bool(2 * ascii_letters >= sum(map(len, accented)))


def _delimiter(sample: str) -> str:
    """The delimiter that cuts most of the first lines into as many fields as the header."""
    lines = [line for line in sample.splitlines()[:_SNIFFED_LINES] if line.strip()]

    def merit(delimiter: str) -> tuple[float, int]:
        widths = [len(fields) for fields in _rows(lines, delimiter)]
        if not widths or widths[0] == 1:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(_DELIMITERS, key=merit)


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    csv.field_size_limit(1 << 24)
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return []


def _header(sample: str, delimiter: str, name: str) -> list[str]:
    """The column names; pandas would rename the second of two equal ones without a word."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        fields = next(fields for fields in reader if fields)
    except (csv.Error, StopIteration):
        raise DataError(f"{name}: the header line cannot be read") from None
    names = [field.strip() or f"Unnamed: {number}" for number, field in enumerate(fields)]
    _refuse_duplicates(names, name)
    return names


def _column_name(label: object) -> str:
    if isinstance(label, tuple):
        return " ".join(level_name(part) for part in label)
    return level_name(label)


def _refuse_duplicates(names: list[str], table: str) -> None:
    seen: set[str] = set()
    twice = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    if twice:
        shown = ", ".join(f"{name!r:.60}" for name in dict.fromkeys(twice[:5]))
        raise DataError(f"{table}: several columns have the same name: {shown}", hint="Rename them.")


def _hash(frame: pd.DataFrame) -> str:
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name}\0{column.dtype}\0".encode(errors="backslashreplace"))
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufmM":
            digest.update(column.to_numpy().tobytes())
        else:
            levels = levels_of(column)
            digest.update("\0".join(levels.names).encode(errors="backslashreplace"))
            digest.update(levels.codes.tobytes())
    return digest.hexdigest()
