"""The task that a table and a target make."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.errors import DataError
from codegen_hpo.task import METRICS, Task

DATA = Path(__file__).parents[2] / "shared" / "data"
ROWS = 200


def _frame(y: Any) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {"distance": generator.normal(size=len(y)), "zone": ["a", "b"] * (len(y) // 2), "y": y}
    )


@pytest.mark.parametrize(
    ("y", "kind", "classes"),
    [
        (np.linspace(0, 1, ROWS), "regression", ()),
        (np.arange(ROWS) % 30, "regression", ()),
        ([f"${i}" for i in range(ROWS)], "regression", ()),
        (np.arange(ROWS) % 2, "binary", ("0", "1")),
        (np.arange(ROWS) % 2 * 1.0, "binary", ("0", "1")),
        ([True, False] * 100, "binary", ("False", "True")),
        (["no", "yes"] * 100, "binary", ("no", "yes")),
        (np.arange(ROWS) % 4, "multiclass", ("0", "1", "2", "3")),
        ((np.arange(ROWS) % 4 + 8).astype(str), "multiclass", ("8", "9", "10", "11")),
        (["c", "a", "b", "a"] * 50, "multiclass", ("a", "b", "c")),
    ],
)
def test_the_kind_is_inferred_with_a_reason(y: Any, kind: str, classes: tuple[str, ...]) -> None:
    task = Task.from_table(_frame(y), "y")
    assert (task.kind, task.classes) == (kind, classes)
    assert task.kind_reason in str(task)
    assert task.n_outputs == (len(classes) if kind == "multiclass" else 1)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([1.0] * ROWS, {}, "constant"),
        ([None] * ROWS, {}, "all 200 are missing"),
        ([*range(ROWS - 1), np.inf], {}, "infinite"),
        (["a", "b"] * 99 + ["a", "lonely"], {}, "one row only: 'lonely'"),
        ([f"name {i}" for i in range(ROWS)], {}, "too many for classes"),
        (["a", "b"] * 100, {"kind": "regression"}, "'a' is no number"),
        (["a", "b"] * 100, {"metric": "rmse"}, "does not suit a binary"),
        (range(ROWS), {"metric": "nonsense"}, "no metric"),
        (range(-9, ROWS - 9), {"metric": "rmsle"}, "above -1"),
        (np.arange(ROWS) % 3, {"kind": "binary"}, "needs two"),
        (pd.date_range("2020", periods=ROWS), {}, "dates"),
        (range(10), {}, "10 rows"),
        (range(ROWS), {"drop": ["distance", "zone"]}, "no column is left"),
        (range(ROWS), {"time_column": "y"}, "is the target"),
        (range(ROWS), {"time_column": "zone"}, "does not tell a time"),
        (range(ROWS), {"time_column": "distance", "group_column": "zone"}, "one rule"),
    ],
)
def test_what_cannot_be_learnt_is_refused(y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Task.from_table(_frame(y), "y", **options)


def test_an_unknown_target_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match="no column 'distnace'") as caught:
        Task.from_table(_frame(range(ROWS)), "distnace")
    assert "'distance'" in caught.value.hint


def test_rows_without_a_target_are_left_out_and_counted() -> None:
    task = Task.from_table(_frame([None, *range(ROWS - 1)]), "y")
    assert len(task.frame) == len(task.labels) == ROWS - 1
    assert "1 of 200 rows" in task.warnings[0]


def test_a_group_is_no_feature_and_a_time_is_one() -> None:
    frame = _frame(range(ROWS)).assign(group=[f"g{i % 9}" for i in range(ROWS)])
    frame["when"] = pd.date_range("2020", periods=ROWS)
    by_group = Task.from_table(frame, "y", group_column="group")
    assert "group" not in [column.name for column in by_group.profile.features]
    by_time = Task.from_table(frame, "y", time_column="when")
    assert "when" in [column.name for column in by_time.profile.features]
    assert (
        by_time.frame["when"].iloc[by_time.split.train].max()
        < by_time.frame["when"].iloc[by_time.split.test].min()
    )


def test_the_users_own_test_table_is_all_of_the_test_part(tmp_path: Path) -> None:
    _frame(range(60)).to_csv(tmp_path / "test.csv", index=False)
    task = Task.from_table(_frame(range(ROWS)), "y", test=tmp_path / "test.csv")
    assert task.split.test.tolist() == list(range(ROWS, ROWS + 60))
    assert task.test_sha256
    with pytest.raises(DataError, match="lacks 1 columns"):
        Task.from_table(_frame(range(ROWS)), "y", test=_frame(range(60)).drop(columns="zone"))


def test_the_summary_knows_training_rows_only() -> None:
    y = np.arange(ROWS, dtype=float)
    first = Task.from_table(_frame(y), "y")
    held = np.concatenate([first.split.validation, first.split.test])
    y[held] = y[held] * 1000
    assert Task.from_table(_frame(y), "y").summary == first.summary


def test_a_task_is_json_without_rows_and_a_screen_of_text() -> None:
    task = Task.from_table(_frame(["a", "b"] * 100), "y", about="two letters")
    data = json.loads(json.dumps(task.to_json(), allow_nan=False))
    assert data["columns"][0]["name"] == "distance"
    assert data["split"]["rows"] == {"train": 105, "inner": 15, "validation": 40, "test": 40}
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 500)))
    assert len(str(Task.from_table(wide, "7")).splitlines()) < 60


def test_every_metric_belongs_to_a_kind_and_knows_its_direction() -> None:
    assert {kind for metric in METRICS.values() for kind in metric.kinds} == {
        "regression",
        "binary",
        "multiclass",
    }
    assert METRICS["r2"].loss(0.5) == -0.5
    assert METRICS["rmse"].loss(0.5) == 0.5


def test_importing_the_module_needs_no_pandas() -> None:
    code = "import sys, codegen_hpo.task; print('pandas' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.skipif(not DATA.is_dir(), reason="the example tables are not beside the checkout")
@pytest.mark.parametrize(
    ("table", "target", "kind"),
    [("taxis", "fare", "regression"), ("diamonds", "price", "regression"), ("titanic", "survived", "binary")],
)
def test_the_real_tables_give_the_task_one_expects(table: str, target: str, kind: str) -> None:
    assert Task.from_table(DATA / f"{table}.csv", target).kind == kind
