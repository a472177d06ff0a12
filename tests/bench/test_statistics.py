import math

import numpy as np
import pytest

from codegen_hpo.bench.statistics import (
    best_so_far,
    bootstrap_interval,
    expected_best,
    paired_p,
    random_runs,
    ranks,
)


def test_the_interval_of_a_mean_holds_it_and_shrinks_with_more_values() -> None:
    few = np.random.default_rng(0).normal(3.0, 1.0, 10)
    many = np.random.default_rng(0).normal(3.0, 1.0, 1000)

    narrow, wide = bootstrap_interval(many), bootstrap_interval(few)

    assert narrow.low < many.mean() < narrow.high
    assert narrow.high - narrow.low == pytest.approx(4 / math.sqrt(1000), rel=0.2)
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)


def test_a_single_value_is_its_own_interval_and_none_has_no_interval() -> None:
    assert bootstrap_interval([2.5]) == (2.5, 2.5)
    with pytest.raises(ValueError, match="no values"):
        bootstrap_interval([])


def test_six_pairs_that_all_differ_the_same_way_have_the_smallest_p_there_is() -> None:
    assert paired_p([1, 2, 3, 4, 5, 6], [2, 4, 6, 8, 10, 12]) == pytest.approx(2 / 2**6)


def test_there_is_no_p_where_no_pair_differs() -> None:
    assert paired_p([1.0, 2.0], [1.0, 2.0]) is None
    assert paired_p([], []) is None


def test_pairs_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        paired_p([1.0], [1.0, 2.0])


def test_the_best_so_far_passes_over_failures() -> None:
    assert best_so_far([None, 3.0, None, 1.0, 2.0]) == [None, 3.0, 3.0, 1.0, 1.0]


def test_equals_share_a_rank_and_failures_share_the_last() -> None:
    assert ranks([1.0, None, 1.0, None, 0.0]) == [2.5, 4.5, 2.5, 4.5, 1.0]


def test_the_expected_best_of_a_pool_is_the_mean_minimum_of_its_draws() -> None:
    # of two draws from {0, 1} one is 0 in three cases of four
    assert expected_best([0.0, 1.0], budget=2, draws=20_000) == pytest.approx(0.25, abs=0.02)
    assert expected_best([0.0, 1.0], budget=1, draws=20_000) == pytest.approx(0.5, abs=0.02)


def test_failures_of_the_pool_count_as_evaluations_that_found_nothing() -> None:
    runs = random_runs([None, 1.0], budget=1, draws=2000)

    assert np.isinf(runs).mean() == pytest.approx(0.5, abs=0.05)
    assert expected_best([None], budget=3) == math.inf
