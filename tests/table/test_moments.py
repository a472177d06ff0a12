"""How cells are read as points in time."""

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.table.encoding.moments import parse_moments, read_moments


def test_a_zone_is_left_out_and_not_converted() -> None:
    texts = pd.Series(["2024-01-01 10:00:00+02:00", "2024-07-01T10:00:00Z", "2024-07-01 10:00"])
    aware = pd.Series(pd.to_datetime(["2024-01-01 10:00"]).tz_localize("Asia/Tokyo"))
    hours = [*(read_moments(texts, "ISO8601") / 3600 % 24), *(read_moments(aware, "ISO8601") / 3600 % 24)]
    assert hours == [10, 10, 10, 10]


def test_a_year_at_the_end_is_no_offset() -> None:
    assert parse_moments(["31-12-2020", "01-02-1999"], "%d-%m-%Y").tolist() == [1609372800, 917827200]
    hours = parse_moments(["2020-01-01T05:00-0200", "20200101T0500 +02:00", "2020-01-01Z"], "ISO8601") / 3600
    assert (hours % 24).tolist() == [5, 5, 0]


@pytest.mark.parametrize(
    "layout", ["%m/%d/%Y", "%d.%m.%Y %H:%M", "%Y%m%d", "%d-%m-%YT%H:%M:%S", "%d %b %Y", "%m/%d/%y"]
)
def test_a_layout_is_read_as_strptime_reads_it(layout: str) -> None:
    generator = np.random.default_rng(0)
    days = pd.Series(pd.to_datetime(generator.integers(0, 10**9, 50), unit="s"))
    texts = [
        *days.dt.strftime(layout),
        "1/2/2020",
        "1.2.2020 3:04",
        "31/31/2020",
        "2020-01-01",
        "",
        "x\ny",
        "30.02.2020 10:00",
    ]
    expected = pd.to_datetime(pd.Series(texts), format=layout, errors="coerce")
    seconds = expected.to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
    read = parse_moments(texts, layout)
    assert np.array_equal(np.where(expected.isna(), np.nan, seconds), read, equal_nan=True)
