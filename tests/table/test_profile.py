"""What each column is taken for, and why."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.errors import DataError
from codegen_hpo.table.profile import Column, Overrides, profile

DATA = Path(__file__).parents[3] / "shared" / "data"
ROWS = 60
N = range(ROWS)


def _one(values: Any, name: str = "x", **overrides: tuple[str, ...]) -> Column:
    frame = pd.DataFrame({name: pd.Series(values), "y": np.arange(len(values))})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return profile(frame, "y", Overrides(**overrides)).columns[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([i * 0.5 for i in N], "numeric"),
        ([i % 3 for i in N], "numeric"),
        ([i * 7 % 61 for i in N], "numeric"),
        ([f"{1000 + i:,}" for i in N], "numeric"),
        ([f"${i}" for i in N], "numeric"),
        ([f"{i}%" for i in N], "numeric"),
        ([*map(str, range(59)), "unknown"], "numeric"),
        ([f"{i},5" for i in N], "numeric"),
        (["a", "b", "c"] * 20, "categorical"),
        ([f"{i % 9:03}" for i in N], "categorical"),
        ([1, "a", None, [2]] * 15, "categorical"),
        ([True, False] * 30, "boolean"),
        (["yes", "No", None] * 20, "boolean"),
        ([True, None, False] * 20, "boolean"),
        ([f"2024-01-{i % 28 + 1:02}" for i in N], "datetime"),
        ([f"2024-01-{i % 28 + 1:02}T10:00:00Z" for i in N], "datetime"),
        ([f"{i % 12 + 1}/{i % 28 + 1}/2024 10:30" for i in N], "datetime"),
        ([f"{i % 28 + 1:02}.{i % 12 + 1:02}.2024" for i in N], "datetime"),
        ([f"{i % 28 + 1} Jan 2024" for i in N], "datetime"),
        (pd.date_range("2024", periods=ROWS, tz="Europe/Berlin"), "datetime"),
        ([f"some words that differ {i} here" for i in N], "text"),
        ([f"key-{i}" for i in N], "identifier"),
        (list(N), "identifier"),
        (["x"] * ROWS, "constant"),
        ([None] * ROWS, "constant"),
        ([3.0] * ROWS, "constant"),
        (["x", None] * 30, "categorical"),
        (pd.Categorical(["a", "b"] * 30), "categorical"),
        (pd.array([1, None, 5] * 20, dtype="Int64"), "numeric"),
        (pd.to_timedelta(np.arange(ROWS) ** 2, unit="s"), "numeric"),
    ],
)
def test_a_column_is_taken_for_what_its_values_are(values: Any, kind: str) -> None:
    column = _one(values)
    assert column.kind == kind
    assert column.reason


def test_a_whole_unique_number_is_an_identifier_by_its_name_only() -> None:
    values = np.random.default_rng(0).permutation(10_000)[:ROWS]
    assert _one(values).kind == "numeric"
    assert _one(values, "customer_id").kind == "identifier"
    assert _one(values, "humid").kind == "numeric"


def test_day_and_month_are_told_apart_where_the_values_allow_it() -> None:
    assert _one([f"{i % 28 + 1:02}/{i % 12 + 1:02}/2024" for i in N]).layout == "%d/%m/%Y"
    assert _one([f"{i % 12 + 1:02}/{i % 28 + 1:02}/2024" for i in N]).layout == "%m/%d/%Y"
    doubtful = _one([f"{i % 12 + 1:02}/{i % 11 + 1:02}/2024" for i in N])
    assert doubtful.layout == "%m/%d/%Y"
    assert "day first" in doubtful.reason


def test_summaries_tell_what_an_author_needs() -> None:
    column = _one([1.0, 2.0, 3.0, np.nan, 5.0] * 12)
    assert column.missing_share == pytest.approx(0.2)
    assert column.levels == 4
    assert column.quantiles[0] == 1.0
    assert column.quantiles[-1] == 5.0
    assert _one(["a", "b", "a"] * 20).examples == ("a", "b")


def test_the_user_may_override() -> None:
    assert _one([i % 3 for i in N], categorical=("x",)).kind == "categorical"
    assert _one(["a b c", "d e f"] * 30, text=("x",)).kind == "text"
    assert _one(list(N), drop=("x",)).kind == "dropped"
    assert _one([1_700_000_000 + i for i in N], datetime=("x",)).layout == "epoch s"
    assert _one([20240101 + i % 28 for i in N], datetime=("x",)).kind == "datetime"
    with pytest.raises(DataError, match="no date or time"):
        _one(["a", "b"] * 30, datetime=("x",))


def test_an_override_of_an_unknown_column_names_the_nearest() -> None:
    frame = pd.DataFrame({"distance": [1], "y": [2]})
    with pytest.raises(DataError, match="no column 'distnce'") as caught:
        profile(frame, "y", Overrides(drop=("distnce",)))
    assert "'distance'" in caught.value.hint
    with pytest.raises(DataError, match="is the target"):
        profile(frame, "y", Overrides(drop=("y",)))
    with pytest.raises(DataError, match="--text and in --drop"):
        profile(frame, "y", Overrides(drop=("distance",), text=("distance",)))


@pytest.mark.skipif(not DATA.is_dir(), reason="the example tables are not beside the checkout")
def test_the_real_tables_are_read_as_a_person_would() -> None:
    taxis = profile(pd.read_csv(DATA / "taxis.csv"), "fare")
    assert [c.name for c in taxis.of_kind("datetime")] == ["pickup", "dropoff"]
    assert "pickup_zone" in [c.name for c in taxis.of_kind("categorical")]
    titanic = profile(pd.read_csv(DATA / "titanic.csv"), "survived")
    assert [c.name for c in titanic.of_kind("boolean")] == ["adult_male", "alive", "alone"]
    diamonds = profile(pd.read_csv(DATA / "diamonds.csv"), "price")
    assert [c.name for c in diamonds.of_kind("categorical")] == ["cut", "color", "clarity"]
