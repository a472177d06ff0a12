"""Reads a CSV file of any delimiter and encoding.

pandas' C engine reads it, large files too: from pandas 3.1 on it reads pieces of a file on several threads.
pyarrow's reader was tried on a million rows by twenty columns (176 MB, two cores). It took no less time (1.7
to 2.5 s of CPU, against 1.3 to 1.8 s) and more memory (2.7 times the table, against 2.35), and it takes
dates, leading zeros, "+5", "0x10", short rows and the last digits of numbers otherwise.
"""

import codecs
import csv
import io
import re
import warnings
from typing import Any, NamedTuple

import pandas as pd

from codegen_hpo.errors import DataError
from codegen_hpo.table.names import refuse_duplicates
from codegen_hpo.table.source import Source

LARGE = 50 << 20  # bytes: below, pandas sees a column's every value before it chooses its type

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


class Delimited(NamedTuple):
    """What a CSV file holds, and what was guessed in reading it."""

    frame: pd.DataFrame
    warnings: tuple[str, ...]


def read_delimited(source: Source) -> Delimited:
    """The frame, its columns named as in the header. Raises DataError."""
    name, encoding = source.name, _encoding(source)
    sample = source.begin(1 << 20 if encoding.startswith(("utf-16", "utf-32")) else 1 << 18).decode(
        encoding, errors="ignore"
    )
    # a wide header may be longer than the first piece
    if "\n" not in sample and "\r" not in sample:
        sample = source.begin(1 << 26).decode(encoding, errors="replace")
    if not sample.strip():
        raise DataError(f"{name} holds blank lines only")
    delimiter = _delimiter(sample)
    header = _header(sample, delimiter, name)
    options: dict[str, Any] = {"sep": delimiter, "encoding": encoding, "index_col": False}
    options["compression"] = None  # what is packed is known by its bytes, not by its name
    texts = dict.fromkeys(_leading_zeros(source, options, len(header)), str)
    large = source.size > (LARGE // 8 if source.packed else LARGE)
    frame = _parse(source, options | {"dtype": texts, "low_memory": large})
    if frame.shape[1] != len(header):
        raise DataError(f"{name}: the header names {len(header)} columns, the rows have {frame.shape[1]}")
    if large and (mixed := _mixed(frame)):
        again = _parse(source, options | {"dtype": str, "usecols": mixed})
        frame = frame.copy(deep=False)
        for label in again:
            frame[label] = again[label]
    guessed = f"{name} is not UTF-8; it was read as {encoding}: save it as UTF-8 if letters look wrong"
    return Delimited(frame.set_axis(header, axis=1), () if encoding.startswith("utf") else (guessed,))


def _parse(source: Source, options: dict[str, Any]) -> pd.DataFrame:
    name = source.name
    try:
        with warnings.catch_warnings(), source.opened() as file:
            # "Length of header or names does not match length of data": values would be lost
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # see _mixed
            # a path is what pandas reads on several threads
            frame: pd.DataFrame = pd.read_csv(file if source.packed else source.path, **options)
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


def _leading_zeros(source: Source, options: dict[str, Any], columns: int) -> list[str]:
    """The columns with a value that was written like 00501 in the first rows: codes, not quantities."""
    rows = max(100, min(5_000, 1_000_000 // columns))
    sample = _parse(source, options | {"dtype": str, "nrows": rows})
    written = {str(label): sample[label].dropna().astype(object) for label in sample}
    return [label for label, texts in written.items() if any(map(_LEADING_ZERO.match, texts))]


def _mixed(frame: pd.DataFrame) -> list[str]:
    """The columns whose pieces gave several types, as numbers in some and texts in others.

    They are texts as they stand in the file; true and false with missing values among them are none of these.
    """
    objects = [label for label, dtype in frame.dtypes.items() if pd.api.types.is_object_dtype(dtype)]
    pure = ("boolean", "string")
    return [str(label) for label in objects if pd.api.types.infer_dtype(frame[label]) not in pure]


def _encoding(source: Source) -> str:
    begin = source.begin(1 << 20)
    for mark, encoding in _BOMS:
        if begin.startswith(mark):
            return encoding
    if b"\x00" in begin:
        raise DataError(f"{source.name} is a binary file, a CSV or Parquet table is expected")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with source.opened() as file:
            while piece := file.read(1 << 20):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        if _western(begin[: 1 << 18]):
            return "cp1252"
        from charset_normalizer import from_bytes

        best = from_bytes(begin[: 1 << 18]).best()
        if best is None:
            raise DataError(
                f"{source.name} is no text in any encoding that is known",
                hint="Save the table as CSV in UTF-8.",
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
    refuse_duplicates(names, name)
    return names
