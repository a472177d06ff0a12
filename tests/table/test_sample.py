"""A sample of a large table."""

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.errors import DataError
from codegen_hpo.task import Task

ROWS = 3_000


def _frame(y: object) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "x": generator.normal(size=ROWS),
            "row": np.arange(ROWS) * 2.0,
            "g": generator.integers(0, 60, ROWS),
            "y": y,
        }
    )


def test_rows_are_drawn_at_random_and_keep_their_order() -> None:
    frame = _frame(np.random.default_rng(1).normal(size=ROWS))
    task, again, other = (Task.from_table(frame, "y", rows=500, seed=seed) for seed in (0, 0, 1))
    assert len(task.frame) == len(task.labels) == 500
    picked = task.frame["row"].to_numpy()
    assert (np.diff(picked) > 0).all()
    assert abs(picked.mean() / ROWS - 1) < 0.1
    assert picked.tolist() == again.frame["row"].tolist() != other.frame["row"].tolist()
    assert task.labels.tolist() == task.frame["y"].tolist()


def test_the_sample_is_told_and_survives_the_record() -> None:
    task = Task.from_table(_frame(np.arange(ROWS)), "y", rows=500)
    assert "sample of 500 of 3000 rows" in str(task)
    assert task.to_json()["sample"] == {"rows": 500, "of": 3000}
    assert Task.from_json(task.to_json()).sample == task.sample


def test_a_table_that_is_smaller_is_used_as_it_is() -> None:
    task = Task.from_table(_frame(np.arange(ROWS)), "y", rows=ROWS)
    assert (len(task.frame), task.sample) == (ROWS, None)
    assert "3000 rows" in str(task)
    assert "sample" not in str(task)


def test_classes_keep_their_shares_and_rare_ones_three_rows() -> None:
    y = np.array(["often"] * 2_390 + ["less"] * 600 + ["rare"] * 8 + ["twice"] * 2)
    task = Task.from_table(_frame(np.random.default_rng(0).permutation(y)), "y", rows=300)
    counts = pd.Series(task.labels).map(dict(enumerate(task.classes))).value_counts()
    assert len(task.frame) == 300
    assert (counts["rare"], counts["twice"]) == (3, 2)
    assert abs(counts["less"] - 60) <= 1
    with pytest.raises(DataError, match="too small for 150 classes"):
        Task.from_table(_frame(np.arange(ROWS) % 150), "y", kind="multiclass", rows=200)


def test_groups_are_drawn_whole() -> None:
    frame = _frame(np.arange(ROWS))
    task = Task.from_table(frame, "y", group_column="g", rows=600)
    assert 500 < len(task.frame) <= 600
    sizes = frame["g"].value_counts()
    for group, count in task.frame["g"].value_counts().items():
        assert count == sizes[group]
    with pytest.raises(DataError, match="no group of 'g' fits a sample of 20 rows"):
        Task.from_table(frame, "y", group_column="g", rows=20)


def _with_a_rare_class(*others: str) -> pd.DataFrame:
    """Two rows of it, in two of sixty groups."""
    y = np.random.default_rng(1).choice(others, ROWS)
    frame = _frame(y).assign(g=np.arange(ROWS) % 60)
    frame.loc[[3, 77], "y"] = "rare"
    return frame


def test_a_sample_of_groups_in_which_nothing_can_be_learnt_is_refused_as_such() -> None:
    with pytest.raises(
        DataError, match="a sample of 200 rows will not do: target 'y' is constant"
    ) as refused:
        Task.from_table(_with_a_rare_class("often"), "y", group_column="g", rows=200)
    assert refused.value.hint == "Ask for more --rows, or take another --seed."


def test_a_sample_of_groups_that_lacks_a_class_says_so() -> None:
    frame = _with_a_rare_class("often", "less")
    task = Task.from_table(frame, "y", group_column="g", rows=200)
    assert task.classes == ("less", "often")
    assert "the sample has no row of 1 of 3 classes" in str(task)
    assert "no row of" not in str(Task.from_table(frame, "y", rows=200))


@pytest.mark.parametrize("rows", [-5, 0, 19])
def test_a_sample_has_at_least_twenty_rows(rows: int) -> None:
    with pytest.raises(DataError, match=f"a sample of {rows} rows is too small"):
        Task.from_table(_frame(np.arange(ROWS)), "y", rows=rows)


def test_the_users_own_test_table_is_not_sampled() -> None:
    frame = _frame(np.arange(ROWS))
    task = Task.from_table(frame, "y", test=frame.head(700), rows=400)
    assert len(task.split.test) == 700
    assert len(task.split.fitted) + len(task.split.validation) == 400
    assert task.sample == (400, ROWS)


def test_a_sample_of_a_time_table_spans_the_whole_time() -> None:
    task = Task.from_table(
        _frame(np.random.default_rng(0).normal(size=ROWS)), "y", time_column="row", rows=300
    )
    assert task.frame["row"].iloc[task.split.test].min() > task.frame["row"].iloc[task.split.fitted].max()
    assert task.frame["row"].min() < 200
