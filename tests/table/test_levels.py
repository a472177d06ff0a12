"""A column as its distinct texts."""

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.table.encoding.levels import levels_of


def test_whole_floats_and_integers_are_one_level() -> None:
    assert set(levels_of(pd.Series([1, 1.0, "1", " 1"], dtype=object)).names) == {"1"}
    assert levels_of(pd.Series([1, None, 2.5])).names == ["1", "2.5"]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([3, -1, 3, 2**62]),
        pd.Series([1.0, 0.1, -0.0, 0.0, np.nan, np.inf, 1e15, 2.5], dtype=np.float64),
        pd.Series([0.1, np.nan, 2], dtype=np.float32),
        pd.Series([0.1, np.nan, 2], dtype=np.float16),
        pd.Series([True, False, True]),
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series(pd.to_datetime(["2020-01-01 00:00:00", None, "2021-05-06 07:08:09"])),
        pd.Series(pd.to_datetime(["2020-01-01", None]).tz_localize("Asia/Tokyo")),
        pd.Series(pd.to_timedelta([5, None, 90_000], unit="s")),
        pd.Series(pd.Categorical(["b", None, " a", "b"], categories=["unused", " a", "b", "a"])),
        pd.Series(pd.Categorical([1, 2, 1])),
        pd.Series([" a", "a", "", None, "a\u00a0", "\x1fb", "b", "\t"]),
        pd.Series(pd.arrays.SparseArray([0.0, 1.5, 0.0])),
        pd.Series([], dtype=float),
    ],
    ids=lambda column: str(column.dtype),
)
def test_levels_are_the_texts_of_the_cells_whatever_the_type(column: pd.Series) -> None:
    levels, cells = levels_of(column), levels_of(pd.Series([*column.astype(object), [0]], dtype=object))
    names, expected = [*levels.names, None], [*cells.names, None]
    assert [names[code] for code in levels.codes] == [expected[code] for code in cells.codes][:-1]
    assert len(set(levels.names)) == len(levels)
    assert set(levels.codes[levels.codes >= 0]) == set(range(len(levels)))
