"""Rows to try a model with."""

import numpy as np
import pandas as pd

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
