"""A fitted encoding of table columns, and how it is applied to new rows.

`export` copies this very file beside a model, so it needs Python 3.11, numpy and pandas alone. An encoding is
plain JSON: a list of blocks, each of which reads one column (two for a gap) and gives numeric columns, or one
column of codes. Cells are read in one way everywhere, by `Cells`: the profile decides with the same eyes.
"""

import math
import re
from collections.abc import Iterator, Mapping
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

_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_ORNAMENTS = re.compile(r"[\s$€£¥%]+")
_OFFSET = re.compile(r"(?<=[0-9])\s*(Z|UTC|[+-][0-9]{2}:?[0-9]{2})$")
_EPOCHS = {"epoch s": 1.0, "epoch ms": 1e-3, "epoch us": 1e-6, "epoch ns": 1e-9}


class Encoded(NamedTuple):
    """The arrays that a model takes."""

    x_num: NDArray[np.float32]  # (rows, n_numeric), no missing values
    x_cat: Ints  # (rows, n_categorical), 0 = missing or unseen


class Levels(NamedTuple):
    """A column as codes into its distinct texts."""

    codes: Ints  # (rows,), -1 = missing
    names: list[str]  # stripped, never empty; two codes may share a name


def level_name(value: object) -> str:
    """The text of one cell: 1, 1.0 and "1" are one level; empty when there is nothing in it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return str(value).strip().encode("utf-8", "replace").decode()  # a lone surrogate cannot be written


def levels_of(column: "pd.Series[Any]") -> Levels:
    """The column's distinct texts and the code of each row."""
    values: Any = column if isinstance(column.dtype, pd.StringDtype) else column.to_numpy(dtype=object)
    if isinstance(values, np.ndarray) and pd.api.types.infer_dtype(values, skipna=True) != "string":
        # to text first: Python holds 1 == True == 1.0, and lists cannot be hashed
        values = np.array([None if _missing(value) else level_name(value) for value in values], dtype=object)
    codes, distinct = pd.factorize(values)
    names = [level_name(value) for value in np.asarray(distinct, dtype=object).tolist()]
    codes = codes.astype(np.int64)
    if "" in names:
        empty = np.array([name == "" for name in names] + [False])
        codes = np.where(empty[codes], -1, codes)
    return Levels(codes, names)


def parse_number(text: str, decimal: str = ".") -> float:
    """The number in a text such as "1,234", "$5" or "12%" (12.0); NaN when it is none."""
    text = _ORNAMENTS.sub("", text)
    if decimal == ",":
        text = text.translate({ord("."): ",", ord(","): "."})
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if not _PLAIN.fullmatch(text):
        return math.nan
    number = float(text)
    return max(-LARGEST, min(LARGEST, number)) if math.isfinite(number) else math.nan


def read_numbers(column: "pd.Series[Any]", decimal: str = ".") -> Floats:
    """(rows,) float64; NaN where a cell is missing, infinite or no number. Time spans are in seconds."""
    kind = getattr(column.dtype, "kind", "O")
    if kind == "m":
        spans = column.to_numpy().astype("timedelta64[us]")
        return np.where(np.isnat(spans), np.nan, spans.astype(np.int64) / 1e6)
    if kind in "biuf":
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        numbers[~np.isfinite(numbers)] = np.nan
        return np.asarray(np.clip(numbers, -LARGEST, LARGEST), dtype=np.float64)
    codes, names = levels_of(column)
    return _spread(codes, np.array([parse_number(name, decimal) for name in names], dtype=np.float64))


def read_flags(column: "pd.Series[Any]") -> Floats:
    """(rows,) float64: 1 for true, 0 for false, NaN for anything else."""
    codes, names = levels_of(column)
    words = [name.lower() for name in names]
    flags = [1.0 if w in TRUE_WORDS else 0.0 if w in FALSE_WORDS else np.nan for w in words]
    return _spread(codes, np.array(flags, dtype=np.float64))


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
    codes, names = levels_of(column)
    return _spread(codes, parse_moments(names, layout))


def parse_moments(texts: list[str], layout: str) -> Floats:
    """(texts,) float64: seconds since 1970, NaN for a text that does not have the layout."""
    bare = pd.Series([_OFFSET.sub("", text) for text in texts], dtype=object)
    return _seconds(pd.to_datetime(bare, format=layout, errors="coerce").to_numpy())


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
    """A frame's columns as arrays; each moment is parsed once."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.rows = len(frame)
        self._frame = frame
        self._moments: dict[tuple[str, str], Floats] = {}

    def column(self, name: str) -> "pd.Series[Any]":
        """The column of that name. Raises ValueError when the frame lacks it."""
        if name not in self._frame.columns:
            raise ValueError(f"column {name!r} is missing; it was there when the encoding was fitted")
        return self._frame[name]

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
        codes, names = levels_of(cells.column(self.source))
        texts = self.project([*names, ""])  # the last one stands for a missing text: code -1
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
            codes, names = levels_of(cells.column(self.source))
            known = dict(zip((*self.levels, *self.rare), self.counts, strict=True))
            logs = np.log1p(np.array([known.get(name, 0.0) for name in names], dtype=np.float64))
            yield self.frequency.apply(np.nan_to_num(_spread(codes, logs)))

    def codes(self, cells: Cells) -> Ints:
        """(rows,) int64 in [0, cardinality)."""
        codes, names = levels_of(cells.column(self.source))
        known = dict.fromkeys(self.rare, 1)
        known.update({level: number for number, level in enumerate(self.levels, 1 + bool(self.rare))})
        return np.array([known.get(name, 0) for name in names] + [0], dtype=np.int64)[codes]


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
        cells = Cells(frame)
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


def _spread(codes: Ints, values: Floats) -> Floats:
    """The value of each row's level; NaN for code -1."""
    return np.append(values, np.nan)[codes]


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
