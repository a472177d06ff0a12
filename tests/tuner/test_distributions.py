"""Optuna's distributions as dimensions, and values there and back."""

from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from codegen_hpo.space import Choice, Float, Int
from codegen_hpo.tuner.distributions import Parameter, space_of, told_names


@pytest.mark.parametrize(
    ("distribution", "dimension"),
    [
        (FloatDistribution(1e-5, 0.1, log=True), Float(1e-5, 0.1, log=True)),
        (IntDistribution(8, 512, log=True), Int(8, 512, log=True)),
        (IntDistribution(0, 512, step=128), Choice((0, 128, 256, 384, 512))),
        (FloatDistribution(0.0, 0.5, step=0.1), Choice((0.0, 0.1, 0.2, 0.3, 0.4, 0.5))),
        (CategoricalDistribution(["relu", "gelu"]), Choice(("relu", "gelu"))),
        (CategoricalDistribution([True, False]), Choice((True, False))),
        (CategoricalDistribution([None, 0.5, "None"]), Choice(("None (option 1)", "0.5", "None (option 3)"))),
        (CategoricalDistribution([1, True, 1.0]), Choice(("1", "True", "1.0"))),
        (CategoricalDistribution([float("inf"), 1.0]), Choice(("inf", "1.0"))),
    ],
)
def test_a_distribution_is_a_dimension(distribution: BaseDistribution, dimension: object) -> None:
    assert Parameter.of(distribution).dimension == dimension


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (FloatDistribution(1e-5, 0.1, log=True), [1e-5, 0.03, 0.1]),
        (IntDistribution(0, 512, step=128), [0, 384]),
        (FloatDistribution(-10.2, 10.2, step=0.1), [-10.2, 3.3]),
        (CategoricalDistribution([None, "x", 2]), [None, "x", 2]),
        (CategoricalDistribution([0, False]), [0]),
    ],
)
def test_a_value_comes_back_as_it_was(distribution: BaseDistribution, values: list[Any]) -> None:
    parameter = Parameter.of(distribution)
    for value in values:
        assert (
            parameter.value(parameter.told(value)) is value or parameter.value(parameter.told(value)) == value
        )


def test_numbers_of_a_long_stepped_range_are_rounded_to_the_nearest_step() -> None:
    parameter = Parameter.of(FloatDistribution(-10.2, 10.2, step=0.1))
    assert parameter.dimension == Float(-10.2, 10.2)
    assert parameter.value(0.26) == 0.3
    assert parameter.value(10.2) == 10.2
    whole = Parameter.of(IntDistribution(3, 997, step=7))
    assert [whole.value(told) for told in (3, 12, 997)] == [3, 10, 997]


def test_every_listed_step_lies_in_the_distribution() -> None:
    for distribution in (FloatDistribution(0.1, 1.7, step=0.1), IntDistribution(3, 89, step=2)):
        dimension = Parameter.of(distribution).dimension
        assert isinstance(dimension, Choice)
        assert all(distribution._contains(float(option)) for option in dimension.options)


def test_a_space_takes_what_a_model_sends_for_numbers_among_choices() -> None:
    space = space_of({"x": FloatDistribution(0, 2, step=1)}, {"x": "x"})
    assert space.check('{"x": 1}').arguments == {"x": 1.0}


def test_odd_names_become_plain_ones_that_are_not_taken() -> None:
    names = told_names(["lr/head", "lr_head", "lr head", "größe", "", "model.depth"])
    assert names["lr_head"] == "lr_head"
    assert names["model.depth"] == "model.depth"
    assert len(set(names.values())) == 6
    assert all(name.isascii() and "/" not in name and " " not in name for name in names.values())


def test_the_model_is_told_the_name_behind_a_plain_one() -> None:
    space = space_of({"lr/head": FloatDistribution(0, 1)}, {"lr/head": "lr_head"})
    assert "lr/head" in space["lr_head"].description
