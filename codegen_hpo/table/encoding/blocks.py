"""The blocks of an encoding: each reads one column (two for a gap), and gives numeric columns or codes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from .arrays import Floats, Ints
from .cells import Cells
from .moments import DAY_S, phase
from .numbers import read_flags, read_numbers

TOKEN = re.compile(r"\b\w\w+\b")  # as scikit-learn's TfidfVectorizer cuts words


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


def _filled(values: Floats, fill: float, scaling: Scaling | None, indicator: bool) -> Iterator[Floats]:
    missing = np.isnan(values)
    values = np.where(missing, fill, values)
    yield scaling.apply(values) if scaling else values
    if indicator:
        yield missing.astype(np.float64)
