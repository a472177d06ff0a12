"""How rows are cut into parts."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.errors import DataError
from codegen_hpo.table.encoding.levels import levels_of
from codegen_hpo.table.split import Split, group_split, random_split, time_split

PARTS = ("train", "inner", "validation", "test")


def _part_of(split: Split, rows: int) -> np.ndarray:
    """(rows,) the part of each row; fails unless each row is in exactly one."""
    part = np.full(rows, -1)
    for number, name in enumerate(PARTS):
        numbers = getattr(split, name)
        assert numbers.dtype == np.int64
        assert (part[numbers] == -1).all()
        part[numbers] = number
    assert (part >= 0).all()
    return part


@given(rows=st.integers(20, 400), seed=st.integers(0, 99), classes=st.integers(0, 6))
def test_a_random_split_deals_every_row_once(rows: int, seed: int, classes: int) -> None:
    codes = np.random.default_rng(seed).integers(0, classes, rows) if classes else None
    split = random_split(rows, seed=seed, codes=codes)
    part = _part_of(split, rows)
    assert all((part == number).any() for number in range(4))
    assert abs(len(split.test) - 0.2 * rows) <= 1 + classes
    if codes is not None:
        assert set(codes[split.train]) == set(codes)


def test_the_seed_decides_the_split() -> None:
    first, same, other = (random_split(100, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, same.test)
    assert not np.array_equal(first.test, other.test)


def test_classes_are_spread_alike() -> None:
    codes = np.repeat([0, 1], [900, 100])
    split = random_split(1000, seed=0, codes=codes)
    for name in PARTS:
        assert np.mean(codes[getattr(split, name)]) == pytest.approx(0.1, abs=0.02)


def test_tiny_classes_are_trained_on_and_spoken_of() -> None:
    codes = np.append(np.zeros(60, dtype=np.int64), [1, 1])
    split = random_split(62, seed=3, codes=codes)
    assert 1 in codes[split.train]
    assert "too few rows" in split.warnings[0]


def test_time_goes_from_training_to_test_and_equal_moments_stay_together() -> None:
    moments = np.random.default_rng(0).integers(0, 30, 500).astype(float)
    split = time_split(moments, column="day", seed=0)
    _part_of(split, 500)
    ends = [(moments[getattr(split, n)].min(), moments[getattr(split, n)].max()) for n in PARTS]
    assert all(before[1] < after[0] for before, after in pairwise(ends))


def test_rows_without_a_moment_are_trained_on() -> None:
    moments = np.append(np.arange(50.0), [np.nan, np.nan])
    split = time_split(moments, column="day", seed=0)
    assert {50, 51} <= set(split.train)
    assert "2 rows without 'day'" in split.warnings[0]


@given(groups=st.lists(st.integers(0, 9), min_size=30, max_size=80), seed=st.integers(0, 9))
def test_no_group_is_on_two_sides(groups: list[int], seed: int) -> None:
    column = pd.Series([None if g == 9 else f"g{g}" for g in groups])
    try:
        split = group_split(levels_of(column), column="g", seed=seed)
    except DataError:
        assert len(set(groups)) < 4
        return
    part = _part_of(split, len(groups))
    for group in set(groups):
        assert len(set(part[np.array(groups) == group])) == 1


@pytest.mark.parametrize("how", ["random", "time", "group"])
def test_an_own_test_table_is_all_of_the_test_part(how: str) -> None:
    if how == "random":
        split = random_split(60, seed=0, own_test=10)
    elif how == "time":
        split = time_split(np.arange(60.0), column="t", seed=0, own_test=10)
    else:
        groups = levels_of(pd.Series([f"g{i % 7}" for i in range(60)]))
        split = group_split(groups, column="g", seed=0, own_test=10)
        assert "in the test table, too" in split.warnings[0]
    _part_of(split, 60)
    assert split.test.tolist() == list(range(50, 60))
    assert "own table" in split.method


def test_too_few_rows_or_values_are_said() -> None:
    with pytest.raises(DataError, match="19 rows"):
        random_split(19, seed=0)
    with pytest.raises(DataError, match="'day' has 2 values"):
        time_split(np.arange(50.0) % 2, column="day", seed=0)


def test_the_early_stopping_rows_of_a_large_table_are_bounded() -> None:
    rows = 2_000_000
    classes = np.random.default_rng(0).integers(0, 3, rows)
    for split in (
        random_split(rows, seed=0),
        random_split(rows, seed=0, codes=classes),
        time_split(np.arange(rows) // 10.0, column="t", seed=0),
    ):
        assert abs(len(split.inner) - 50_000) <= 10
        assert len(split.train) + len(split.inner) == 1_500_000


@pytest.mark.parametrize(
    ("rows", "validation", "inner"),
    [(1_000, 200, 75), (20_000, 4_000, 1_500), (50_000, 4_000, 2_000), (200_000, 10_000, 7_500)],
)
def test_of_a_larger_table_a_smaller_share_is_held_out(rows: int, validation: int, inner: int) -> None:
    split = random_split(rows, seed=0)
    assert abs(len(split.validation) - validation) <= 1
    assert abs(len(split.inner) - inner) <= 1
    assert len(split.test) == rows // 5
