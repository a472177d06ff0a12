"""How the rows that are not test rows are dealt into folds."""

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.table.encoding.levels import levels_of
from codegen_hpo.table.folds import deal_folds, usual_folds
from codegen_hpo.table.split import Fold, Split, group_split, random_split, time_split


def _check(split: Split, folds: tuple[Fold, ...]) -> None:
    """Each row is left out once, and is trained on, or stops training early, in all other folds."""
    assert np.array_equal(np.sort(np.concatenate([fold.validation for fold in folds])), split.free)
    for fold in folds:
        assert len(fold.train) > 0
        assert len(fold.inner) > 0
        rows = np.concatenate([fold.train, fold.inner, fold.validation])
        assert np.array_equal(np.sort(rows), split.free)


@pytest.mark.parametrize(("rows", "count"), [(20, 2), (20, 16), (61, 5), (1000, 20)])
def test_each_row_is_left_out_once(rows: int, count: int) -> None:
    split = random_split(rows, seed=3)
    folds = deal_folds(split, count, None)
    _check(split, folds)
    sizes = [len(fold.validation) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    again = deal_folds(split, count, None)
    assert all(np.array_equal(a.train, b.train) for a, b in zip(folds, again, strict=True))


def test_classes_are_spread_alike() -> None:
    codes = np.repeat([0, 1, 2], [700, 50, 250])[np.random.default_rng(0).permutation(1000)]
    split = random_split(1000, seed=0, codes=codes)
    folds = deal_folds(split, 5, codes)
    _check(split, folds)
    for fold in folds:
        assert np.bincount(codes[fold.validation]).tolist() == pytest.approx([112, 8, 40], abs=2)
        assert (np.bincount(codes[fold.inner]) > 0).all()


def test_a_class_that_is_trained_on_at_all_is_not_only_in_the_early_stopping_rows() -> None:
    codes = np.append(np.zeros(60, dtype=np.int64), [1, 1, 1, 1])
    split = random_split(64, seed=1, codes=codes)
    for fold in deal_folds(split, 2, codes):
        assert set(codes[fold.fitted]) == set(codes[fold.train])


@pytest.mark.parametrize("count", [2, 3, 4])
def test_groups_stay_whole(count: int) -> None:
    names = np.array(["a"] * 30 + ["b"] * 25 + ["c"] * 20 + ["d"] * 10 + ["e"] * 8 + ["f"] * 7, dtype=object)
    split = group_split(levels_of(pd.Series(names)), column="g", seed=0)
    folds = deal_folds(split, count, None)
    _check(split, folds)
    for fold in folds:
        assert not set(names[fold.validation]) & set(names[fold.fitted])
        if len(set(names[fold.fitted])) > 1:
            assert not set(names[fold.inner]) & set(names[fold.train])
    assert {len(deal_folds(split, 1, None))} == {0}


def test_how_many_folds_there_are_by_default() -> None:
    assert usual_folds(random_split(100, seed=0), 2_999) == 5
    assert usual_folds(random_split(100, seed=0), 3_000) == 1
    assert usual_folds(time_split(np.arange(100.0), column="t", seed=0), 100) == 1
    few = group_split(levels_of(pd.Series(list("abcd") * 10)), column="g", seed=0)
    assert usual_folds(few, 40) == 3, "one of the four groups is tested on"


def test_folds_that_cannot_be_are_refused() -> None:
    for count in (0, 21):
        with pytest.raises(ConfigError, match="expected 1 to 20"):
            deal_folds(random_split(100, seed=0), count, None)
    with pytest.raises(ConfigError, match="time column"):
        deal_folds(time_split(np.arange(100.0), column="t", seed=0), 2, None)
    with pytest.raises(ConfigError, match="of 16 rows"):
        deal_folds(random_split(20, seed=0), 17, None)
