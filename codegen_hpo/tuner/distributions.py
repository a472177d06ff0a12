"""Optuna's distributions as dimensions that a language model can be told of, and values there and back."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from codegen_hpo.space import Choice, Dimension, Float, Int, Scalar, Space

MAX_STEPS = 50  # values of a stepped range that are listed one by one; of a longer one they are rounded
_NAME = re.compile(r"[^A-Za-z0-9_.-]")  # what servers refuse in the name of an argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a study, as Optuna and as the model know it."""

    distribution: BaseDistribution
    dimension: Dimension
    values: tuple[Any, ...] = ()  # what the options of a Choice stand for

    @classmethod
    def of(cls, distribution: BaseDistribution, description: str = "") -> "Parameter":
        """The parameter of a distribution.

        A range with a step is a choice among its values, if they are at most MAX_STEPS, and else a plain
        range whose numbers are rounded to the nearest step.
        """
        if isinstance(distribution, CategoricalDistribution):
            values = tuple(distribution.choices)
            choice = Choice(_labels(values), description=description)
            return cls(distribution=distribution, dimension=choice, values=values)
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        if steps := _steps(distribution):
            choice = Choice(steps, description=description)
            return cls(distribution=distribution, dimension=choice, values=steps)
        kind = Int if isinstance(distribution, IntDistribution) else Float
        # the middle of the range, or of its logarithm, is the default that a space must have
        dimension = kind(distribution.low, distribution.high, log=distribution.log, description=description)  # type: ignore[arg-type]
        return cls(distribution=distribution, dimension=dimension)

    def value(self, told: Scalar) -> Any:
        """The value for Optuna that the model's stands for."""
        if isinstance(self.dimension, Choice):
            return self.values[self.dimension.options.index(told)]
        distribution = self.distribution
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        if distribution.step is None or distribution.step == 1:
            return told
        return _step(distribution, round((float(told) - distribution.low) / distribution.step))

    def told(self, value: Any) -> Scalar:
        """The value as the model is told it."""
        if not isinstance(self.dimension, Choice):
            number: Scalar = value
            return number
        position = int(self.distribution.to_internal_repr(value))
        if isinstance(self.distribution, CategoricalDistribution):
            return self.dimension.options[position]
        return min(self.values, key=lambda listed: abs(listed - value))  # type: ignore[no-any-return]


def space_of(distributions: Mapping[str, BaseDistribution], names: Mapping[str, str]) -> Space:
    """The space of these parameters, under the names that the model is told."""
    described = {
        names[name]: Parameter.of(distribution, "" if names[name] == name else f"Stands for {name!r}")
        for name, distribution in distributions.items()
    }
    return Space({name: parameter.dimension for name, parameter in described.items()})


def told_names(names: Iterable[str]) -> dict[str, str]:
    """For each parameter, a name that every server takes: its own unless that holds odd characters."""
    found: dict[str, str] = {}
    # plain names keep theirs, whatever another one becomes
    for name in sorted(set(names), key=lambda name: (bool(_NAME.search(name)) or len(name) > 60, name)):
        plain = wanted = _NAME.sub("_", name)[:60] or "_"
        count = 1
        while plain in found.values():
            count += 1
            plain = f"{wanted}_{count}"
        found[name] = plain
    return found


def _labels(values: tuple[Any, ...]) -> tuple[Scalar, ...]:
    """The choices themselves where JSON can tell them apart, else their texts, numbered where alike."""
    plain = all(isinstance(value, bool | int | str) or _finite(value) for value in values)
    if plain and len(set(values)) == len(values):  # 1, 1.0 and True are one to Python
        return values
    texts = [value if isinstance(value, str) else repr(value) for value in values]
    return tuple(
        text if texts.count(text) == 1 else f"{text} (option {position})"
        for position, text in enumerate(texts, 1)
    )


def _finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _steps(distribution: FloatDistribution | IntDistribution) -> tuple[Scalar, ...]:
    """Every value of a range with a step; none if there is no step, or too many values."""
    if distribution.step is None or (isinstance(distribution, IntDistribution) and distribution.step == 1):
        return ()
    count = round((distribution.high - distribution.low) / distribution.step) + 1
    return tuple(_step(distribution, number) for number in range(count)) if count <= MAX_STEPS else ()


def _step(distribution: FloatDistribution | IntDistribution, number: int) -> Any:
    """The value after that many steps, without the noise of binary fractions."""
    assert distribution.step is not None
    if isinstance(distribution, IntDistribution):
        return min(distribution.low + number * distribution.step, distribution.high)
    exact = Decimal(str(distribution.low)) + number * Decimal(str(distribution.step))
    return min(float(exact), distribution.high)
