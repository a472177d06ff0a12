"""A fitted encoding of table columns, and how it is applied to new rows.

`export` copies this very file beside a model, so it needs Python 3.11, numpy and pandas alone. An encoding is
plain JSON: a list of blocks, each of which reads one column (two for a gap) and gives numeric columns, or one
column of codes. Cells are read in one way everywhere, by `Cells`: the profile decides with the same eyes.

Texts are read by level, each distinct one once, and many in one pass of a regular expression over all of them
joined: a call of Python for each took three times as long. What is temporary is bounded by `PIECE` rows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRUE_WORDS = frozenset(("true", "t", "yes", "y", "on", "1"))
FALSE_WORDS = frozenset(("false", "f", "no", "n", "off", "0"))
TOKEN = re.compile(r"\b\w\w+\b")  # as scikit-learn's TfidfVectorizer cuts words
DAY_S = 86_400.0
LARGEST = 1e100  # numbers are cut to it, so that the square of one is still a number
PIECE = 1 << 17  # rows, or texts, that are turned into Python objects or encoded at once

# what str.strip takes away, spelt out: Arrow strips other characters than Python if it is left to them
_BLANKS = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
# of each line: a number as it stands, or one with its thousands grouped; both are empty for any other line
_NUMBERS = re.compile(
    r"^(?:([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|([+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?)|.*)$",
    re.MULTILINE,
)
_ORNAMENTS = dict.fromkeys(map(ord, set(_BLANKS + "$€£¥%") - {"\n"}))  # for str.translate: left out
_COMMA = _ORNAMENTS | {ord("."): ",", ord(","): "."}
_ZONE = re.compile(r"(?<=[0-9])[^\S\n]*(?:Z|UTC)$", re.MULTILINE)
_SIGNED = re.compile(r"[+-][0-9:]{4,5}$", re.MULTILINE)
# after a time only: 31-12-2020 ends in a year
_OFFSET = re.compile(r"([:T][0-9:.,]{0,20}[0-9])[^\S\n]*[+-][0-9]{2}:?[0-9]{2}$", re.MULTILINE)
_PLACES = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}  # digits of a directive
_DIRECTIVE = re.compile(r"%[A-Za-z]")
_EPOCHS = {"epoch s": 1.0, "epoch ms": 1e-3, "epoch us": 1e-6, "epoch ns": 1e-9}


class Encoded(NamedTuple):
    """The arrays that a model takes."""

    x_num: NDArray[np.float32]  # (rows, n_numeric), no missing values
    x_cat: Ints  # (rows, n_categorical), 0 = missing or unseen


@dataclass(frozen=True, slots=True)
class Levels:
    """A column as codes into its distinct texts, which are stripped and not empty."""

    codes: Ints  # (rows,), -1 = missing
    texts: Any  # (levels,) an array of the distinct texts, in the order in which they appear

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def names(self) -> list[str]:
        """The distinct texts, made into Python objects at each call."""
        return list(self.texts.tolist())

    def numbered(self, read: Callable[[list[str]], Floats]) -> Floats:
        """(rows,) float64: what `read` says of each row's text; NaN where it is missing."""
        parts = [read(self.texts[at : at + PIECE].tolist()) for at in range(0, len(self), PIECE)]
        return np.concatenate([*parts, [np.nan]])[self.codes]


def level_name(value: object) -> str:
    """The text of one cell: 1, 1.0 and "1" are one level; empty when there is nothing in it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return str(value).strip().encode("utf-8", "replace").decode()  # a lone surrogate cannot be written


def levels_of(column: "pd.Series[Any]") -> Levels:
    """The column's distinct texts and the code of each row."""
    dtype = column.dtype
    if isinstance(dtype, pd.StringDtype):
        codes, distinct = pd.factorize(column.array)
        if dtype.storage.startswith("pyarrow"):
            return _levels(codes, distinct, pd.Series(distinct).str.strip(_BLANKS).array)
    elif isinstance(dtype, pd.CategoricalDtype):
        of_categories = levels_of(dtype.categories.to_series())
        codes = np.append(of_categories.codes, -1)[column.cat.codes]
        used = np.unique(codes[codes >= 0])
        numbers = np.full(len(of_categories) + 1, -1)
        numbers[used] = np.arange(len(used))
        return Levels(numbers[codes], of_categories.texts[used])
    elif getattr(dtype, "kind", "O") in "biufmM" and not isinstance(dtype, pd.SparseDtype):
        # pandas cannot count what is of type float16
        codes, distinct = pd.factorize(column.astype(np.float32) if dtype == np.float16 else column)
        distinct = distinct.astype(object)
    else:
        values = column.to_numpy(dtype=object)
        if pd.api.types.infer_dtype(values, skipna=True) != "string":
            # to text first: Python holds 1 == True == 1.0, and lists cannot be hashed
            values = np.array([None if _missing(value) else level_name(value) for value in values], object)
        codes, distinct = pd.factorize(values)
    names = np.empty(len(distinct), dtype=object)
    names[:] = [level_name(value) for value in distinct.tolist()]
    return _levels(codes, distinct, names)


def _levels(codes: Ints, distinct: Any, names: Any) -> Levels:
    """From codes into distinct values and the name of each: equal names joined, the empty one left out."""
    same = bool(np.all(np.asarray(names == distinct, dtype=bool)))
    again, texts = (np.arange(len(names)), names) if same else pd.factorize(names)
    empty = np.asarray(texts == "", dtype=bool)
    again = np.append(np.where(empty, -1, np.cumsum(~empty) - 1)[again], -1)
    return Levels(again[codes].astype(np.int64), texts[~empty])


def parse_number(text: str, decimal: str = ".") -> float:
    """The number in a text such as "1,234", "$5" or "12%" (12.0); NaN when it is none."""
    return float(parse_numbers([text], decimal)[0])


def parse_numbers(texts: list[str], decimal: str = ".") -> Floats:
    """(texts,) float64: `parse_number` of each."""
    lines = _lines(texts).translate(_COMMA if decimal == "," else _ORNAMENTS)
    found = _NUMBERS.findall(lines) if texts else []
    numbers = np.array([float(plain or grouped.replace(",", "") or "nan") for plain, grouped in found])
    return _finite(numbers.astype(np.float64))


def read_numbers(column: "pd.Series[Any]", decimal: str = ".") -> Floats:
    """(rows,) float64; NaN where a cell is missing, infinite or no number. Time spans are in seconds."""
    kind = getattr(column.dtype, "kind", "O")
    if kind == "m":
        spans = column.to_numpy().astype("timedelta64[us]")
        return np.where(np.isnat(spans), np.nan, spans.astype(np.int64) / 1e6)
    if kind in "biuf":
        return _finite(column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True))
    return levels_of(column).numbered(lambda texts: parse_numbers(texts, decimal))


def read_flags(column: "pd.Series[Any]") -> Floats:
    """(rows,) float64: 1 for true, 0 for false, NaN for anything else."""
    return levels_of(column).numbered(_flags)


def _flags(texts: list[str]) -> Floats:
    words = [text.lower() for text in texts]
    return np.array([1.0 if w in TRUE_WORDS else 0.0 if w in FALSE_WORDS else np.nan for w in words])


def read_moments(column: "pd.Series[Any]", layout: str) -> Floats:
    """(rows,) float64: seconds since 1970 on the wall clock that the cell shows; NaN when it shows none.

    A zone or offset is left out, not converted: the hour at the place counts. `layout` is "ISO8601", a
    strptime format, or "epoch s|ms|us|ns" for numbers.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_localize(None)
    if getattr(column.dtype, "kind", "O") == "M":
        return _seconds(column.to_numpy())
    if layout in _EPOCHS:
        return read_numbers(column) * _EPOCHS[layout]
    return levels_of(column).numbered(lambda texts: parse_moments(texts, layout))


def parse_moments(texts: list[str], layout: str) -> Floats:
    """(texts,) float64: seconds since 1970, NaN for a text that does not have the layout."""
    lines = _lines(texts)
    if _SIGNED.search(lines):
        lines = _OFFSET.sub(r"\1", lines)
    if "Z" in lines or "UTC" in lines:
        lines = _ZONE.sub("", lines)
    bare = np.array(lines.split("\n") if texts else [], dtype=object)
    if layout == "ISO8601":
        return _seconds(pd.to_datetime(bare, format=layout, errors="coerce").to_numpy())
    seconds, iso = np.empty(len(texts)), _as_iso(lines, layout, len(texts))
    whole = iso != ""
    # ISO 8601 is read several times as fast as any other layout
    seconds[whole] = _seconds(pd.to_datetime(iso[whole], format="ISO8601", errors="coerce").to_numpy())
    seconds[~whole] = _seconds(pd.to_datetime(bare[~whole], format=layout, errors="coerce").to_numpy())
    return seconds


def _as_iso(lines: str, layout: str, count: int) -> NDArray[Any]:
    """(count,) the lines in ISO 8601; empty where one lacks a digit of the layout, or that has words."""
    iso = np.full(count, "", dtype=object)
    day = layout.split("T")[0].split(" ")[0]
    if (
        not count
        or not {"%Y", "%m", "%d"} <= set(_DIRECTIVE.findall(day))
        or not _PLACES.keys() >= set(_DIRECTIVE.findall(layout))
    ):
        return iso
    end, at = 0, {}
    for token in re.findall(r"%\w|.", day):
        start, end = end, end + _PLACES.get(token, 1)
        at[token] = slice(start, end)
    year, month, day_of_month = at["%Y"], at["%m"], at["%d"]
    pattern = _DIRECTIVE.sub(lambda found: f"[0-9]{{{_PLACES[found[0]]}}}", re.escape(layout))
    whole = re.findall(f"^(?:({pattern})|.*)$", lines, re.MULTILINE)
    iso[:] = [f"{t[year]}-{t[month]}-{t[day_of_month]}{t[end:]}" if t else "" for t in whole]
    return iso


def _lines(texts: list[str]) -> str:
    """The texts, one a line; a line end within one becomes a blank."""
    lines = "\n".join(texts)
    if lines.count("\n") >= len(texts) > 0:
        lines = "\n".join(text.replace("\n", " ") for text in texts)
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """A monotone map to about unit spread: (x - center) / scale within ±limit, or by points and scores."""

    method: str  # "standard", "robust" or "quantile"
    center: float = 0.0
    scale: float = 1.0
    limit: float = 10.0
    points: tuple[float, ...] = ()  # increasing values …
    scores: tuple[float, ...] = ()  # … and the normal score of each

    def apply(self, values: Floats) -> Floats:
        """The same shape, scaled; NaN stays NaN."""
        if self.points:
            return np.asarray(np.interp(values, self.points, self.scores), dtype=np.float64)
        return np.clip((values - self.center) / self.scale, -self.limit, self.limit)


class Cells:
    """A frame's columns as arrays; levels and moments are read once."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.rows = len(frame)
        self._frame = frame
        self._moments: dict[tuple[str, str], Floats] = {}
        self._levels: dict[str, Levels] = {}

    def column(self, name: str) -> "pd.Series[Any]":
        """The column of that name. Raises ValueError when the frame lacks it."""
        if name not in self._frame.columns:
            raise ValueError(f"column {name!r} is missing; it was there when the encoding was fitted")
        return self._frame[name]

    def levels(self, name: str) -> Levels:
        """`levels_of` the column."""
        if name not in self._levels:
            self._levels[name] = levels_of(self.column(name))
        return self._levels[name]

    def moments(self, name: str, layout: str) -> Floats:
        """`read_moments` of the column."""
        if (name, layout) not in self._moments:
            self._moments[name, layout] = read_moments(self.column(name), layout)
        return self._moments[name, layout]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A scaled number; what is missing takes `fill`."""

    source: str
    decimal: str
    scaling: Scaling
    fill: float
    indicator: bool  # a second column tells where it was missing

    @property
    def names(self) -> list[str]:
        return [self.source, *([f"{self.source} missing"] if self.indicator else [])]

    def columns(self, cells: Cells) -> Iterator[Floats]:
        yield from _filled(
            read_numbers(cells.column(self.source), self.decimal), self.fill, self.scaling, self.indicator
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A boolean as 0 and 1; what is missing takes `fill`."""

    source: str
    fill: float
    indicator: bool

    @property
    def names(self) -> list[str]:
        return [self.source, *([f"{self.source} missing"] if self.indicator else [])]

    def columns(self, cells: Cells) -> Iterator[Floats]:
        yield from _filled(read_flags(cells.column(self.source)), self.fill, None, self.indicator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A point in time: cyclic calendar parts and the time that went by."""

    source: str
    layout: str
    cycles: tuple[str, ...]  # among "time of day", "weekday", "month", "day of year"
    elapsed: Scaling | None  # of days since 1970
    indicator: bool

    @property
    def names(self) -> list[str]:
        parts = [f"{self.source} {cycle} {wave}" for cycle in self.cycles for wave in ("sin", "cos")]
        days = [f"{self.source} days"] if self.elapsed else []
        return [*parts, *days, *([f"{self.source} missing"] if self.indicator else [])]

    def columns(self, cells: Cells) -> Iterator[Floats]:
        seconds = cells.moments(self.source, self.layout)
        for cycle in self.cycles:
            angle = 2 * np.pi * phase(seconds, cycle)
            yield np.nan_to_num(np.sin(angle))
            yield np.nan_to_num(np.cos(angle))
        if self.elapsed:
            yield np.nan_to_num(self.elapsed.apply(seconds / DAY_S))
        if self.indicator:
            yield np.isnan(seconds).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The seconds from one moment to another of the same row, scaled."""

    source: str
    layout: str
    until: str
    until_layout: str
    scaling: Scaling
    fill: float

    @property
    def names(self) -> list[str]:
        return [f"{self.source} to {self.until}"]

    def columns(self, cells: Cells) -> Iterator[Floats]:
        gap = cells.moments(self.until, self.until_layout) - cells.moments(self.source, self.layout)
        yield from _filled(gap, self.fill, self.scaling, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A short text as a few dimensions: TF-IDF of its words times a fitted projection, scaled."""

    source: str
    vocabulary: tuple[str, ...]
    idf: tuple[float, ...]  # (words,)
    projection: tuple[tuple[float, ...], ...]  # (dimensions, words)
    centers: tuple[float, ...]  # (dimensions,)
    scales: tuple[float, ...]  # (dimensions,)

    @property
    def names(self) -> list[str]:
        return [f"{self.source} text {number}" for number in range(1, len(self.projection) + 1)]

    def columns(self, cells: Cells) -> Iterator[Floats]:
        codes = cells.levels(self.source).codes
        texts = self.project([*cells.levels(self.source).names, ""])  # the last stands for code -1, missing
        for dimension, (center, scale) in enumerate(zip(self.centers, self.scales, strict=True)):
            yield np.clip((texts[codes, dimension] - center) / scale, -10.0, 10.0)

    def project(self, texts: list[str]) -> Floats:
        """(texts, dimensions) float64, unscaled: as TfidfVectorizer(sublinear_tf=True), then TruncatedSVD."""
        numbers = {word: number for number, word in enumerate(self.vocabulary)}
        found = [[numbers[w] for w in TOKEN.findall(text.lower()) if w in numbers] for text in texts]
        rows = np.repeat(np.arange(len(texts)), [len(words) for words in found])
        words = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=len(rows))
        pairs, counts = np.unique(rows * len(numbers) + words, return_counts=True)
        rows, words = np.divmod(pairs, max(1, len(numbers)))
        weights = (1.0 + np.log(counts)) * np.asarray(self.idf)[words]
        norms = np.sqrt(np.bincount(rows, weights**2, minlength=len(texts)))
        weights = weights / norms[rows]
        dimensions = [np.bincount(rows, weights * np.asarray(d)[words], len(texts)) for d in self.projection]
        return np.stack(dimensions, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """Codes of levels: 0 missing or unseen, 1 the rare ones together if there are any, then one a level.

    A level that training saw once counts as unseen: so code 0 is trained, too.
    """

    source: str
    levels: tuple[str, ...]
    rare: tuple[str, ...]  # levels folded into code 1
    counts: tuple[float, ...] = ()  # rows of each level, then of each rare one; empty: no frequency column
    frequency: Scaling | None = None  # of the logarithm of the count

    @property
    def cardinality(self) -> int:
        """Distinct codes, 0 among them."""
        return 1 + bool(self.rare) + len(self.levels)

    @property
    def names(self) -> list[str]:
        return [f"{self.source} frequency"] if self.frequency else []

    def columns(self, cells: Cells) -> Iterator[Floats]:
        if self.frequency:
            levels = cells.levels(self.source)
            known = dict(zip((*self.levels, *self.rare), self.counts, strict=True))
            logs = np.log1p(np.array([known.get(name, 0.0) for name in levels.names] + [0.0]))
            yield self.frequency.apply(logs[levels.codes])

    def codes(self, cells: Cells) -> Ints:
        """(rows,) int64 in [0, cardinality)."""
        levels = cells.levels(self.source)
        known = dict.fromkeys(self.rare, 1)
        known.update({level: number for number, level in enumerate(self.levels, 1 + bool(self.rare))})
        return np.array([known.get(name, 0) for name in levels.names] + [0], dtype=np.int64)[levels.codes]


Block = Number | Flag | Moment | Gap | Words | Category
_BLOCKS: dict[str, type[Block]] = {
    "number": Number, "flag": Flag, "moment": Moment, "gap": Gap, "words": Words, "category": Category
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Blocks in order: their numeric columns and codes are what a model sees."""

    blocks: tuple[Block, ...]

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """What each column of `x_num` holds."""
        return tuple(name for block in self.blocks for name in block.names)

    @property
    def categorical_names(self) -> tuple[str, ...]:
        """The source of each column of `x_cat`."""
        return tuple(block.source for block in self.blocks if isinstance(block, Category))

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Distinct codes of each column of `x_cat`."""
        return tuple(block.cardinality for block in self.blocks if isinstance(block, Category))

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns that a frame must have, each once."""
        gaps = (block.until for block in self.blocks if isinstance(block, Gap))
        return tuple(dict.fromkeys([*(block.source for block in self.blocks), *gaps]))

    @property
    def text_sources(self) -> tuple[str, ...]:
        """The columns that a CSV reader must leave as text, so that "007" stays a level of its own."""
        return tuple(b.source for b in self.blocks if isinstance(b, Category | Words | Flag | Moment))

    def transform(self, frame: pd.DataFrame) -> Encoded:
        """The frame's rows as arrays. Raises ValueError when a column is missing."""
        x_num = np.empty((len(frame), len(self.numeric_names)), dtype=np.float32)
        x_cat = np.empty((len(frame), len(self.cardinalities)), dtype=np.int64)
        start = 0
        for piece in self.pieces(frame):
            stop = start + len(piece.x_num)
            x_num[start:stop], x_cat[start:stop] = piece
            start = stop
        return Encoded(x_num, x_cat)

    def pieces(self, frame: pd.DataFrame, rows: Ints | None = None) -> Iterator[Encoded]:
        """`transform`, some rows at a time: a large table is encoded in little memory beside it.

        Args:
            rows: numbers of the rows in their order; all of them by default.
        """
        needed = set(self.sources)
        frame = frame.loc[:, [name in needed for name in frame.columns]]
        count = len(frame) if rows is None else len(rows)
        size = max(1, min(PIECE, 64 * PIECE // max(64, len(needed))))
        for start in range(0, max(1, count), size):
            piece = slice(start, start + size) if rows is None else rows[start : start + size]
            yield self._encode(Cells(frame.iloc[piece]))

    def _encode(self, cells: Cells) -> Encoded:
        x_num = np.empty((cells.rows, len(self.numeric_names)), dtype=np.float32)
        x_cat = np.empty((cells.rows, len(self.cardinalities)), dtype=np.int64)
        columns = (column for block in self.blocks for column in block.columns(cells))
        for number, column in enumerate(columns):
            x_num[:, number] = column
        for number, block in enumerate(b for b in self.blocks if isinstance(b, Category)):
            x_cat[:, number] = block.codes(cells)
        return Encoded(x_num, x_cat)

    def to_json(self) -> dict[str, Any]:
        """A strict-JSON mapping that `from_json` reads back to the same numbers, bit for bit."""
        kinds = {block: name for name, block in _BLOCKS.items()}
        return {"version": 1, "blocks": [{"block": kinds[type(b)], **asdict(b)} for b in self.blocks]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Encoding":
        """The encoding that `to_json` wrote."""
        if data.get("version") != 1:
            raise ValueError(f"encoding version {data.get('version')!r}: this reader knows version 1")
        return cls(blocks=tuple(_block_from_json(dict(block)) for block in data["blocks"]))


def phase(seconds: Floats, cycle: str) -> Floats:
    """Where in the cycle each moment lies, in [0, 1]; NaN stays NaN."""
    if cycle == "time of day":
        return np.asarray(np.mod(seconds, DAY_S) / DAY_S, dtype=np.float64)
    days = np.floor(seconds / DAY_S)
    if cycle == "weekday":
        # 1970-01-01 was a Thursday; Monday is 0
        return np.asarray(np.mod(days + 3, 7) / 7, dtype=np.float64)
    known = np.isfinite(days)
    dates = np.where(known, days, 0).astype(np.int64).astype("datetime64[D]")
    if cycle == "month":
        part = dates.astype("datetime64[M]").astype(np.int64) % 12 / 12
    else:
        part = (dates - dates.astype("datetime64[Y]")).astype(np.int64) / 366
    return np.asarray(np.where(known, part, np.nan), dtype=np.float64)


def _filled(values: Floats, fill: float, scaling: Scaling | None, indicator: bool) -> Iterator[Floats]:
    missing = np.isnan(values)
    values = np.where(missing, fill, values)
    yield scaling.apply(values) if scaling else values
    if indicator:
        yield missing.astype(np.float64)


def _finite(numbers: Floats) -> Floats:
    """The numbers within ±LARGEST, in place; NaN for what is infinite."""
    numbers[~np.isfinite(numbers)] = np.nan
    return np.asarray(np.clip(numbers, -LARGEST, LARGEST, out=numbers), dtype=np.float64)


def _seconds(moments: NDArray[Any]) -> Floats:
    stamps = moments.astype("datetime64[us]")
    return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64) / 1e6)


def _missing(value: object) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, date | str | bytes | list | tuple | dict | set):
        return False
    return bool(value != value) if isinstance(value, float | np.floating | np.datetime64) else False


def _block_from_json(fields: dict[str, Any]) -> Block:
    kind = _BLOCKS[fields.pop("block")]
    for name, value in fields.items():
        if isinstance(value, dict):
            fields[name] = Scaling(**{key: _tuples(item) for key, item in value.items()})
        else:
            fields[name] = _tuples(value)
    return kind(**fields)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
