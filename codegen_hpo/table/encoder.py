"""Fits an encoding on training rows: which block each column becomes, with the numbers in it.

How a number is scaled. Standard scaling is the rule: it keeps linear relations linear. A few far outliers or
a heavy tail squeeze the bulk of the values into one spot, which a network cannot resolve; the interquartile
range in standard deviations shows it (1.35 for a normal column). Where that is below 0.3, the column is
scaled by its quartiles if the squeeze is gone without one value in a thousand at either end, else mapped to
normal scores.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import QuantileTransformer, RobustScaler

from codegen_hpo.table.encoding import Encoding
from codegen_hpo.table.encoding.arrays import Floats, Ints
from codegen_hpo.table.encoding.blocks import (
    TOKEN,
    Block,
    Category,
    Flag,
    Gap,
    Moment,
    Number,
    Scaling,
    Words,
)
from codegen_hpo.table.encoding.levels import levels_of
from codegen_hpo.table.encoding.moments import DAY_S, phase, read_moments
from codegen_hpo.table.encoding.numbers import read_flags, read_numbers
from codegen_hpo.table.memory import give_back
from codegen_hpo.table.profile import Column, Profile

SQUEEZED = 0.3  # interquartile range in standard deviations
LANDMARKS = 257  # of a map to normal scores
MANY_LEVELS = 64  # above, a category gets a frequency column
MOST_LEVELS = 512  # levels with a code of their own
MOST_RARE = 20_000  # levels that are remembered at all
MOST_GAPS = 15  # differences of two datetime columns
WORDS_ROWS = 50_000  # rows whose texts the words are learnt from, of a large table at most twice as many
VOCABULARY = 2_000
TEXT_DIMENSIONS = 16
LONG_CYCLE_DAYS = 60.0  # below, a year's cycle is a trend, which the elapsed days tell

Matrix = NDArray[np.float64]


def fit_encoding(frame: pd.DataFrame, profile: Profile, rows: Ints | None = None) -> Encoding:
    """The encoding of the profile's features, fitted on the rows with these numbers, or on all.

    They are training and early-stopping rows only. One column is copied at a time.
    """
    blocks: list[Block] = []
    moments: list[_Dated] = []
    for column in profile.features:
        values = frame[column.name] if rows is None else frame[column.name].iloc[rows]
        if column.kind == "numeric":
            blocks += _number(column, values)
        elif column.kind == "boolean":
            blocks += _flag(column, values)
        elif column.kind == "datetime":
            dated = _Dated(column, read_moments(values, column.layout))
            moments.append(dated)
            blocks += _moment(dated)
        elif column.kind == "text":
            blocks += _words(column, values)
        else:
            blocks += _category(column, values)
        give_back(len(values))
    blocks += _gaps(moments)
    return Encoding(blocks=tuple(blocks))


def fit_scaling(values: Floats) -> Scaling | None:
    """The scaling of known values, or None when they do not vary."""
    if not len(values):
        return None
    std = float(values.std())
    low, high = float(values.min()), float(values.max())
    if low == high:
        return None
    if std == 0.0:  # the values differ by less than a square can tell
        return _normal_scores(values)
    lower, first, third, upper = np.quantile(values, [0.001, 0.25, 0.75, 0.999])
    if third - first >= SQUEEZED * std or _few_distinct(values):
        return Scaling(method="standard", center=float(values.mean()), scale=std)
    if third - first >= SQUEEZED * float(np.clip(values, lower, upper).std()) > 0:
        robust = RobustScaler(unit_variance=True).fit(values[:, None])
        return Scaling(method="robust", center=float(robust.center_[0]), scale=float(robust.scale_[0]))
    return _normal_scores(values)


def _few_distinct(values: Floats) -> bool:
    return len(np.unique(values[:1_000])) <= 20 and len(np.unique(values)) <= 20


def _normal_scores(values: Floats) -> Scaling:
    """Quantiles to normal scores; tied landmarks take the middle of their ranks, many zeros are no edge."""
    transformer = QuantileTransformer(
        n_quantiles=min(LANDMARKS, len(values)),
        output_distribution="normal",
        subsample=200_000,
        random_state=0,
    ).fit(values[:, None])
    points, inverse, counts = np.unique(transformer.quantiles_[:, 0], return_inverse=True, return_counts=True)
    ranks = np.bincount(inverse, transformer.references_) / counts
    edge = 0.5 / len(transformer.references_)
    scores = map(NormalDist().inv_cdf, np.clip(ranks, edge, 1 - edge).tolist())
    return Scaling(method="quantile", points=tuple(points.tolist()), scores=tuple(scores))


def _number(column: Column, values: "pd.Series[Any]") -> Iterator[Number | Flag]:
    numbers = read_numbers(values, column.decimal)
    known = numbers[~np.isnan(numbers)]
    scaling = fit_scaling(known)
    if scaling is None and 0 < len(known) < len(numbers):
        scaling = Scaling(method="standard", center=float(known[0]))  # only where it is missing says anything
    if scaling:
        yield Number(
            source=column.name,
            decimal=column.decimal,
            scaling=scaling,
            fill=float(np.median(known)),
            indicator=len(known) < len(numbers),
        )


def _flag(column: Column, values: "pd.Series[Any]") -> Iterator[Flag]:
    flags = read_flags(values)
    known = flags[~np.isnan(flags)]
    missing = len(known) < len(flags)
    if len(known) and (missing or known.min() < known.max()):
        yield Flag(source=column.name, fill=float(np.median(known)), indicator=missing)


class _Dated(NamedTuple):
    column: Column
    seconds: Floats


def _moment(dated: _Dated) -> Iterator[Moment]:
    known = dated.seconds[~np.isnan(dated.seconds)]
    days = known / DAY_S
    long = bool(len(days)) and float(np.ptp(days)) >= LONG_CYCLE_DAYS
    cycles = ("time of day", "weekday", *(("month", "day of year") if long else ()))
    varying = tuple(cycle for cycle in cycles if len(known) and np.ptp(phase(known, cycle)) > 0)
    elapsed = fit_scaling(days)
    missing = 0 < len(known) < len(dated.seconds)
    if varying or elapsed or missing:
        yield Moment(
            source=dated.column.name,
            layout=dated.column.layout,
            cycles=varying,
            elapsed=elapsed,
            indicator=missing,
        )


def _gaps(moments: list[_Dated]) -> Iterator[Gap]:
    """Differences of the first pairs of datetime columns, constant ones left out."""
    pairs = list(combinations(moments, 2))[:MOST_GAPS]
    for first, second in pairs:
        gap = second.seconds - first.seconds
        known = gap[~np.isnan(gap)]
        scaling = fit_scaling(known)
        if scaling:
            yield Gap(
                source=first.column.name,
                layout=first.column.layout,
                until=second.column.name,
                until_layout=second.column.layout,
                scaling=scaling,
                fill=float(np.median(known)),
            )


def _category(column: Column, values: "pd.Series[Any]") -> Iterator[Category]:
    """Levels by falling frequency; a level seen in fewer than `least` rows, or beyond the most, is rare."""
    found = levels_of(values)
    codes, names = found.codes, found.names
    number_of = np.bincount(codes[codes >= 0], minlength=len(names)).tolist()
    counts = Counter(dict(zip(names, number_of, strict=True)))
    least = max(2, min(5, len(codes) // 200))
    ranked = sorted((name for name in counts if counts[name] > 1), key=lambda name: (-counts[name], name))
    levels = tuple(name for name in ranked[:MOST_LEVELS] if counts[name] >= least)
    rare = tuple(ranked[len(levels) : MOST_RARE])
    if not ranked or (len(levels) + bool(rare) == 1 and counts.total() == counts[ranked[0]] == len(codes)):
        return
    frequency = None
    kept: tuple[float, ...] = ()
    if len(counts) > MANY_LEVELS:
        kept = tuple(float(counts[name]) for name in (*levels, *rare))
        seen = np.array([*number_of, 0.0])
        frequency = fit_scaling(np.log1p(np.where(seen > 1, seen, 0.0))[codes])
    yield Category(
        source=column.name, levels=levels, rare=rare, counts=kept if frequency else (), frequency=frequency
    )


def _words(column: Column, values: "pd.Series[Any]") -> Iterator[Words]:
    sample = levels_of(values.iloc[:: max(1, len(values) // WORDS_ROWS)])
    names = [*sample.names, ""]
    texts = [names[code] for code in sample.codes]
    vectoriser = TfidfVectorizer(
        token_pattern=TOKEN.pattern, sublinear_tf=True, max_features=VOCABULARY, min_df=min(2, len(texts))
    )
    if not any(TOKEN.search(text) for text in texts):
        return
    try:
        weights = vectoriser.fit_transform(texts)
    except ValueError:  # scikit-learn's word for a vocabulary that is empty after pruning
        return
    dimensions = min(TEXT_DIMENSIONS, weights.shape[1] - 1, weights.shape[0] - 1)
    if dimensions < 1:
        return
    projection = TruncatedSVD(dimensions, random_state=0).fit(weights)
    projected: Matrix = projection.transform(weights)
    yield Words(
        source=column.name,
        vocabulary=tuple(map(str, vectoriser.get_feature_names_out())),
        idf=tuple(vectoriser.idf_.tolist()),
        projection=tuple(map(tuple, projection.components_.tolist())),
        centers=tuple(projected.mean(axis=0).tolist()),
        scales=tuple(np.maximum(projected.std(axis=0), 1e-9).tolist()),
    )
