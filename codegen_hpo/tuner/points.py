"""The points of a space: how many there are, which ones, one at random, a number as a share of its range."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from codegen_hpo.space import Choice, Dimension, Float, Int, Scalar, Space

MAX_GRID = 1_000  # values of a whole number that are told apart in a search


def count(space: Space) -> float:
    """How many points the space has; infinite with a real number in it."""
    return math.prod(_count(dimension) for dimension in space.values())


def listed(space: Space) -> Iterator[dict[str, Scalar]]:
    """Every point of a finite space."""
    for point in itertools.product(*(values(dimension) for dimension in space.values())):
        yield dict(zip(space, point, strict=True))


def values(dimension: Dimension) -> range | tuple[Scalar, ...]:
    """Every value of a dimension. Raises TypeError for a range of real numbers."""
    match dimension:
        case Float(low=low, high=high) if low == high:
            return (low,)
        case Int(low=low, high=high):
            return range(low, high + 1)
        case Choice(options=options):
            return options
    raise TypeError(f"a real number has no list of values: {dimension}")


def is_real(dimension: Dimension) -> bool:
    """Whether a dimension is searched as a real number: a wide whole one is, too, and rounded.

    Its grid is finer than any search, and libraries list it: Optuna 5's Gaussian process in memory.
    """
    return isinstance(dimension, Float) or (
        isinstance(dimension, Int) and dimension.high - dimension.low >= MAX_GRID
    )


def draw(space: Space, generator: np.random.Generator) -> dict[str, Scalar]:
    """A random point: uniform in each dimension, in its logarithm where the dimension says so."""
    return {name: _draw(dimension, generator) for name, dimension in space.items()}


def option_index(dimension: Choice, value: Scalar) -> int:
    """The position of a value among the options; True and 1 are two values."""
    same_type = [type(option) is type(value) and option == value for option in dimension.options]
    return same_type.index(True) if True in same_type else dimension.options.index(value)


def share(dimension: Float | Int, value: float) -> float:
    """Where a number lies between the ends of its range, 0 to 1, in the logarithm where it is searched so."""
    low, high, value = (_scale(dimension, x) for x in (dimension.low, dimension.high, value))
    return (value - low) / (high - low) if low < high else 0.0


def at_share(dimension: Float | Int, share: float) -> float | int:
    """The number at a share of its range; beyond 0 and 1 it is the nearer end."""
    low, high = _scale(dimension, dimension.low), _scale(dimension, dimension.high)
    scaled = low + min(max(share, 0.0), 1.0) * (high - low)
    number = math.exp(scaled) if dimension.log else 2 * scaled
    number = min(max(number, dimension.low), dimension.high)
    return round(number) if isinstance(dimension, Int) else float(number)


def _scale(dimension: Float | Int, number: float) -> float:
    # halved: the width of a range may be more than the largest float
    return math.log(number) if dimension.log else number / 2


def _count(dimension: Dimension) -> float:
    match dimension:
        case Float(low=low, high=high) if low < high:
            return math.inf
        case Int(low=low, high=high):
            return high - low + 1  # len() of a range ends at 2**63
    return len(values(dimension))


def _draw(dimension: Dimension, generator: np.random.Generator) -> Scalar:
    match dimension:
        case Choice(options=options):
            return options[int(generator.integers(len(options)))]
        case Int(low=low, high=high) if not dimension.log and high - low < 2**62:
            return int(generator.integers(low, high, endpoint=True))
    return at_share(dimension, generator.uniform())
