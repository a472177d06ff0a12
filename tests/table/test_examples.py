"""Rows to try a model with."""

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.table.encoding.moments import read_moments
from codegen_hpo.table.examples import example_rows
from codegen_hpo.task import Task


def test_a_usual_row_has_values_that_the_columns_can_have() -> None:
    frame = pd.DataFrame(
        {
            "size": np.arange(200) / 4,
            "colour": ["red"] * 120 + ["blue"] * 80,
            "signed": ["yes", "no"] * 100,
            "y": np.arange(200.0),
        }
    )
    columns = Task.from_table(frame, "y").to_json()["columns"]
    first, second = example_rows(columns, 2)
    assert first["size"] != second["size"]
    assert 20 < first["size"] < 30  # near the middle
    assert (first["colour"], second["colour"]) == ("red", "blue")
    assert (first["signed"], second["signed"]) == (True, False)
    assert "y" not in first


@pytest.mark.parametrize("layout", ["%d/%m/%Y", "%Y-%m-%d %H:%M:%S", "epoch"])
def test_a_date_is_written_as_the_table_writes_it(layout: str) -> None:
    days = pd.Timestamp("2024-01-17 08:30") + pd.to_timedelta(np.arange(200) % 90, unit="D")
    written = days.as_unit("s").astype("int64") if layout == "epoch" else days.strftime(layout)
    frame = pd.DataFrame({"when": written, "y": np.arange(200.0)})
    task = Task.from_table(frame, "y", datetime=["when"])
    column = task.to_json()["columns"][0]
    (row,) = example_rows([column], 1)
    moment = read_moments(pd.Series([row["when"]], dtype=object), column["layout"])
    assert not np.isnan(moment).any()
    assert pd.Timestamp(moment[0], unit="s").year == 2024
