import pytest

from codegen_hpo.bench.standing import standings

POOL = [0.5] * 40  # random search always finds 0.5


def test_the_change_is_relative_to_random_search_and_above_zero_when_better(made_up) -> None:  # type: ignore[no-untyped-def]
    results = made_up(
        {("tpe", "a", 0): [0.4, 0.25], ("tpe", "b", 0): [0.6, 0.55], ("tpe", "c", 0): [0.5, 0.9]},
        {"a": POOL, "b": POOL, "c": POOL},
    )

    (row,), left_out = standings(results, 2)

    assert row.beats == pytest.approx(1 / 3)  # a tie is not beaten
    assert row.median_change.value == pytest.approx(0.0)
    assert row.mean_change.value == pytest.approx((0.5 - 0.1 + 0.0) / 3)
    assert row.mean_change.interval.low <= row.mean_change.value <= row.mean_change.interval.high
    assert row.sealed == pytest.approx((0.25 + 0.55 + 0.5) / 3 + 0.125)
    assert left_out == []


def test_seeds_are_averaged_before_the_change_is_taken(made_up) -> None:  # type: ignore[no-untyped-def]
    results = made_up({("tpe", "a", 0): [0.1], ("tpe", "a", 1): [0.7]}, {"a": POOL})

    (row,), _ = standings(results, 1)

    assert row.mean_change.value == pytest.approx((0.5 - 0.4) / 0.5)


def test_only_seeds_that_all_tuners_finished_are_compared(made_up) -> None:  # type: ignore[no-untyped-def]
    results = made_up(
        {("random", "p", 0): [0.2], ("random", "p", 1): [0.0], ("tpe", "p", 0): [0.3]}, {"p": POOL}
    )

    first, second = standings(results, 1).rows

    assert (first.mean_rank, second.mean_rank) == (1.0, 2.0)
    assert first.mean_change.value == pytest.approx(0.6)


def test_equals_share_their_ranks(made_up) -> None:  # type: ignore[no-untyped-def]
    results = made_up({("random", "p", 0): [0.2], ("tpe", "p", 0): [0.2], ("gp", "p", 0): [0.1]}, {"p": POOL})

    assert [row.mean_rank for row in standings(results, 1).rows] == [2.5, 2.5, 1.0]


def test_a_problem_on_which_random_search_is_perfect_has_no_change(made_up) -> None:  # type: ignore[no-untyped-def]
    results = made_up({("tpe", "easy", 0): [0.1], ("tpe", "hard", 0): [0.4]}, {"easy": [0.0], "hard": POOL})

    (row,), left_out = standings(results, 1)

    assert left_out == ["easy"]
    assert row.mean_change.value == pytest.approx(0.2)


def test_a_tuner_that_only_failed_on_a_problem_takes_it_out_for_all(made_up) -> None:  # type: ignore[no-untyped-def]
    results = made_up(
        {
            ("random", "p", 0): [None, None],
            ("tpe", "p", 0): [0.1, None],
            ("random", "q", 0): [0.1, 0.2],
            ("tpe", "q", 0): [0.1, 0.2],
        },
        {"p": POOL, "q": POOL},
    )

    rows, left_out = standings(results, 2)

    assert left_out == ["p"]
    assert [row.failed for row in rows] == [0.0, 0.0]


def test_failures_are_counted(made_up) -> None:  # type: ignore[no-untyped-def]
    results = made_up({("random", "p", 0): [None, 0.2, 0.3, 0.4]}, {"p": POOL})

    assert standings(results, 4).rows[0].failed == 0.25


def test_random_search_is_not_better_than_itself(made_up) -> None:  # type: ignore[no-untyped-def]
    import numpy as np

    generator = np.random.default_rng(0)
    pools = {f"p{i}": generator.uniform(0.2, 1.0, 200).tolist() for i in range(12)}
    cells = {
        ("random", problem, seed): generator.choice(pool, 5).tolist()
        for problem, pool in pools.items()
        for seed in range(20)
    }

    (row,), _ = standings(made_up(cells, pools), 5)

    assert row.mean_change.interval.low < 0 < row.mean_change.interval.high
    assert row.p is not None
    assert row.p > 0.05
