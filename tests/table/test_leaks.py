"""Warnings of columns that give the target away."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.task import Task

DATA = Path(__file__).parents[3] / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason="the example tables are not beside the checkout")
ROWS = 400


def _named(task: Task) -> set[str]:
    return {leak.column for leak in task.leaks}


def _noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=ROWS)


@real
def test_the_total_of_a_taxi_fare_is_named_and_the_distance_is_not() -> None:
    assert _named(Task.from_table(DATA / "taxis.csv", "fare")) == {"total"}
    clean = Task.from_table(DATA / "taxis.csv", "fare", drop=["total", "tip", "tolls"])
    assert _named(clean) == set()


@real
def test_the_target_in_words_is_named() -> None:
    task = Task.from_table(DATA / "titanic.csv", "survived")
    assert _named(task) == {"alive", ""}
    assert "test rows are in the training rows" in str(task)


@real
def test_a_strong_honest_feature_is_not_named() -> None:
    assert _named(Task.from_table(DATA / "diamonds.csv", "price")) <= {""}


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_a_copy_of_the_target_in_other_units_is_named_for_every_kind(kind: str) -> None:
    y = _noise()
    if kind != "regression":
        y = np.digitize(y, [0] if kind == "binary" else [-0.5, 0.5])
    frame = pd.DataFrame({"noise": _noise(1), "copy": 3 * y + 1, "key": [f"k{v:.3f}" for v in y], "y": y})
    named = _named(Task.from_table(frame, "y", categorical=["key"], kind=kind))
    assert "copy" in named
    assert "noise" not in named
    assert ("key" in named) == (kind != "regression")


def test_a_category_with_a_level_a_row_tells_nothing() -> None:
    frame = pd.DataFrame({"key": [f"k{i}" for i in range(ROWS)], "noise": _noise(1), "y": _noise()})
    assert _named(Task.from_table(frame, "y", categorical=["key"])) == set()


def test_a_leak_is_found_in_a_wide_table() -> None:
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, 300))).rename(columns=str)
    wide["y"] = _noise(1)
    wide["leak"] = np.exp(wide["y"])
    assert _named(Task.from_table(wide, "y")) == {"leak"}


def test_identifiers_and_shared_rows_are_told() -> None:
    frame = pd.DataFrame({"id": range(ROWS), "x": np.arange(ROWS) % 50, "y": np.arange(ROWS) % 50 * 1.5})
    leaks = {leak.column: leak for leak in Task.from_table(frame, "y").leaks}
    assert "left out" in leaks["id"].message
    assert leaks[""].strength == 1.0


def test_rows_are_shared_only_if_numbers_and_texts_of_the_same_row_are_equal() -> None:
    number, text = np.arange(ROWS) % 4, np.array(list("abcdefgh"))[np.arange(ROWS) // 50]
    frame = pd.DataFrame({"x": number / 3, "k": text, "y": number * 2.5})
    frame["n"] = np.arange(ROWS) * 0.5  # no two rows are equal
    assert "equal in every column" not in str(Task.from_table(frame, "y"))
    # of rows with the same numbers, those in the test part have texts that only other numbers have elsewhere
    task = Task.from_table(frame.drop(columns="n"), "y")
    crossed = task.frame.copy()
    crossed["k"] = "fitted " + crossed["x"].astype(str)
    crossed.loc[task.split.test, "k"] = "fitted " + crossed["x"].iloc[task.split.test].map(
        {0: "1.0", 1 / 3: "0.0", 2 / 3: "0.0", 1: "0.0"}
    )
    again = Task.from_table(crossed, "y")
    assert again.split.test.tolist() == task.split.test.tolist()
    assert "equal in every column" not in str(again)
    assert "80 of 80 test rows" in str(task)
