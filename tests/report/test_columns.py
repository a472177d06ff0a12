"""The encoding, undone, and the columns that are shuffled together."""

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.report.columns import Seen, date_text, groups, seen_columns
from codegen_hpo.report.errors_by_column import errors_by_column
from codegen_hpo.report.held_out import HeldOutRows
from codegen_hpo.table.encoder import fit_encoding
from codegen_hpo.table.encoding import Encoding
from codegen_hpo.task import Task


@pytest.fixture(scope="module")
def task() -> Task:
    generator = np.random.default_rng(2)
    begun = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 9_000_000, 300), unit="s")
    frame = pd.DataFrame(
        {
            "size": generator.lognormal(size=300).round(2),
            "gaps": np.where(generator.random(300) < 0.2, np.nan, generator.normal(size=300).round(2)),
            "shape": generator.choice(["round", "flat"], 300),
            "sold": generator.random(300) < 0.5,
            "begun": begun,
            "ended": begun + pd.to_timedelta(generator.integers(60, 9000, 300), unit="s"),
            "y": generator.normal(size=300),
        }
    )
    return Task.from_table(frame, "y")


@pytest.fixture(scope="module")
def encoding(task: Task) -> Encoding:
    return fit_encoding(task.frame, task.profile, np.arange(300))


@pytest.fixture(scope="module")
def seen(task: Task, encoding: Encoding) -> dict[str, Seen]:
    x_num, x_cat = encoding.transform(task.frame)
    rows = HeldOutRows(part="test", labels=np.zeros(300), predictions=np.zeros(300), x_num=x_num, x_cat=x_cat)
    return {f"{column.name} {column.unit}".strip(): column for column in seen_columns(encoding, rows)}


def test_numbers_come_back_in_their_unit(task: Task, seen: dict[str, Seen]) -> None:
    inside = task.frame["size"].between(*task.frame["size"].quantile([0.01, 0.99]))
    assert np.allclose(seen["size"].numbers[inside], task.frame["size"][inside], rtol=0.02)  # type: ignore[index]


def test_missing_numbers_stay_missing(task: Task, seen: dict[str, Seen]) -> None:
    assert np.array_equal(np.isnan(seen["gaps"].numbers), task.frame["gaps"].isna())  # type: ignore[arg-type]


def test_levels_and_flags_come_back_by_name(task: Task, seen: dict[str, Seen]) -> None:
    for name in ("shape", "sold"):
        column = seen[name]
        assert column.codes is not None
        told = [column.levels[code] for code in column.codes]
        assert told == [str(value).lower() for value in task.frame[name]]


def test_moments_come_back_as_date_and_hour(task: Task, seen: dict[str, Seen]) -> None:
    hours, days = seen["begun hour of the day"].numbers, seen["begun"].numbers
    assert hours is not None
    assert days is not None
    begun = task.frame["begun"].dt
    assert np.allclose(hours, begun.hour + begun.minute / 60 + begun.second / 3600, atol=0.01)
    middle = 150
    assert abs(pd.Timestamp(date_text(days[middle])) - task.frame["begun"][middle]) < pd.Timedelta(days=2)


def test_a_date_that_no_calendar_has_is_no_text() -> None:
    assert date_text(1e12) == ""


def test_columns_whose_difference_is_encoded_are_shuffled_together(encoding: Encoding) -> None:
    found = groups(encoding)
    assert ("begun", "ended") in [group.names for group in found]
    numeric = sorted(place for group in found for place in group.numeric)
    categorical = sorted(place for group in found for place in group.categorical)
    assert numeric == list(range(len(encoding.numeric_names)))
    assert categorical == list(range(len(encoding.cardinalities)))


def test_no_axis_has_a_zero_with_a_sign() -> None:
    zeros = np.zeros((100, 0))
    rows = HeldOutRows(
        part="test", labels=np.arange(100.0), predictions=np.zeros(100), x_num=zeros, x_cat=zeros
    )
    (figure,) = errors_by_column(rows, [Seen(name="x", numbers=np.linspace(-0.004, 3.0, 100))], [])
    assert ">0–0.36<" in figure
    assert "-0" not in figure.striptags()
