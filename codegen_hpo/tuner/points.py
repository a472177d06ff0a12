"""The points of a space: how many there are, which ones, one at random."""

import itertools
import math
from collections.abc import Iterator

import numpy as np

from codegen_hpo.space import Choice, Dimension, Float, Int, Scalar, Space


def count(space: Space) -> float:
    """How many points the space has; infinite with a real number in it."""
    return math.prod(math.inf if isinstance(d, Float) else len(values(d)) for d in space.values())


def listed(space: Space) -> Iterator[dict[str, Scalar]]:
    """Every point of a finite space."""
    for point in itertools.product(*(values(dimension) for dimension in space.values())):
        yield dict(zip(space, point, strict=True))


def values(dimension: Dimension) -> range | tuple[Scalar, ...]:
    """Every value of a dimension. Raises TypeError for a real number."""
    match dimension:
        case Int(low=low, high=high):
            return range(low, high + 1)
        case Choice(options=options):
            return options
    raise TypeError(f"a real number has no list of values: {dimension}")


def draw(space: Space, generator: np.random.Generator) -> dict[str, Scalar]:
    """A random point: uniform in each dimension, in its logarithm where the dimension says so."""
    return {name: _draw(dimension, generator) for name, dimension in space.items()}


def option_index(dimension: Choice, value: Scalar) -> int:
    """The position of a value among the options; True and 1 are two values."""
    same_type = [type(option) is type(value) and option == value for option in dimension.options]
    return same_type.index(True) if True in same_type else dimension.options.index(value)


def _draw(dimension: Dimension, generator: np.random.Generator) -> Scalar:
    if isinstance(dimension, Choice):
        return dimension.options[int(generator.integers(len(dimension.options)))]
    low, high = float(dimension.low), float(dimension.high)
    if dimension.log:
        drawn = math.exp(generator.uniform(math.log(low), math.log(high)))
    else:
        drawn = float(generator.uniform(low, high))
    drawn = min(max(drawn, low), high)
    return round(drawn) if isinstance(dimension, Int) else drawn
