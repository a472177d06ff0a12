import math

import numpy as np
import pytest

from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.tuner import points


@pytest.mark.parametrize(
    ("dimension", "number", "share"),
    [
        (Float(0.0, 4.0), 1.0, 0.25),
        (Float(1e-4, 1.0, log=True), 1e-3, 0.25),
        (Int(1, 1024, log=True), 32, 0.5),
        (Int(-5, 5), 5, 1.0),
        (Float(-1.7e308, 1.7e308), 0.0, 0.5),
        (Float(2.0, 2.0), 2.0, 0.0),
    ],
)
def test_a_number_is_a_share_of_its_range_and_back(dimension, number, share):
    assert points.share(dimension, number) == pytest.approx(share)
    assert points.at_share(dimension, share) == pytest.approx(number)


@pytest.mark.parametrize("share", [-0.5, 0.0, 1.0, 1.5])
def test_no_share_leaves_the_range(share):
    for dimension in (Float(1e-7, 0.3, log=True), Float(0.1, 0.3), Int(3, 7, log=True), Int(0, 10**17 + 1)):
        assert dimension.low <= points.at_share(dimension, share) <= dimension.high


def test_a_range_with_one_real_number_is_one_point():
    space = Space({"rate": Float(0.1, 0.1), "n": Int(1, 3), "on": Choice((True,))})
    assert points.count(space) == 3
    assert list(points.listed(space)) == [{"rate": 0.1, "n": n, "on": True} for n in (1, 2, 3)]


def test_real_numbers_are_uncountable_and_wide_whole_ranges_are_counted():
    assert points.count(Space({"rate": Float(0.0, 0.1)})) == math.inf
    assert points.count(Space({"n": Int(0, 10**30)})) == 10**30 + 1


def test_random_points_reach_the_ends_of_a_whole_range_as_often_as_its_middle():
    generator = np.random.default_rng(0)
    drawn = [points.draw(Space({"n": Int(1, 3)}), generator)["n"] for _ in range(3000)]
    assert all(900 < drawn.count(n) < 1100 for n in (1, 2, 3))


@pytest.mark.parametrize(
    "dimension", [Int(-(10**25), 10**25), Float(-1.7e308, 1.7e308), Float(1e-300, 1e300, log=True)]
)
def test_random_points_of_the_widest_ranges_are_in_range(dimension):
    drawn = points.draw(Space({"x": dimension}), np.random.default_rng(0))["x"]
    assert dimension.low <= drawn <= dimension.high
