"""Any frame at all gives a task whose rows can be encoded, or a DataError."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen_hpo.bundle import write_bundle
from codegen_hpo.errors import DataError
from codegen_hpo.table.encoder import fit_encoding
from codegen_hpo.table.encoding import Encoding
from codegen_hpo.task import Task

ROWS = 22
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["1,234", "$5", "12%", "007", "2020-01-01", "01/02/2020 10:00", "n/a", "", " a ", "nan"]),
    st.binary(max_size=4),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.timedeltas(),
    st.decimals(),
    st.complex_numbers(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.just(pd.NA),
    st.just(pd.NaT),
)
CLEAN = st.sampled_from(
    [
        st.integers(-(2**63), 2**63 - 1),
        st.integers(0, 3),
        st.floats(),
        st.floats(width=16),
        st.booleans(),
        st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)),
        st.text(max_size=30),
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["yes", "no", None]),
    ]
)
NAMES = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["class", "def", '"', "'; drop", "{x}", "{{ y }}", "%s", "a\nb", "fare", "日本", "\ud800"]
    ),
    st.integers(),
    st.floats(),
    st.none(),
    st.booleans(),
    st.tuples(st.text(max_size=2), st.integers()),
    st.dates(),
)


@st.composite
def columns(draw: st.DrawFn) -> list[object]:
    values = draw(CLEAN) if draw(st.booleans()) else SCALARS
    if draw(st.booleans()):
        few = draw(st.lists(values, min_size=1, max_size=3))
        return draw(st.lists(st.sampled_from(few), min_size=ROWS, max_size=ROWS))
    return draw(st.lists(values, min_size=ROWS, max_size=ROWS))


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=repr))
    return pd.DataFrame({n: pd.Series(draw(columns())) for n in range(len(names))}).set_axis(
        pd.Index(names, dtype=object, tupleize_cols=False), axis=1
    )


@given(frame=frames(), data=st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_frame_gives_a_task_or_a_data_error(frame: pd.DataFrame, data: st.DataObject) -> None:
    target = data.draw(st.sampled_from([str(name) for name in frame.columns]))
    kind = data.draw(st.sampled_from(["auto", "regression", "binary", "multiclass"]))
    try:
        task = Task.from_table(frame, target, kind=kind)
    except DataError:
        return
    assert str(task)
    json.dumps(task.to_json(), allow_nan=False)
    encoding = fit_encoding(task.frame.iloc[task.split.fitted], task.profile)
    again = Encoding.from_json(json.loads(json.dumps(encoding.to_json(), allow_nan=False)))
    assert again == encoding
    encoded = again.transform(task.frame)
    assert np.isfinite(encoded.x_num).all()
    assert (encoded.x_cat >= 0).all()
    assert (encoded.x_cat < np.array(encoding.cardinalities, dtype=np.int64)).all()


@given(texts=st.lists(st.text(max_size=12), min_size=ROWS, max_size=ROWS))
@settings(max_examples=15)
@pytest.mark.parametrize("option", ["categorical", "text", "datetime"])
def test_an_override_of_any_texts_gives_a_task_or_a_data_error(option: str, texts: list[str]) -> None:
    frame = pd.DataFrame({"a": texts, "b": range(ROWS), "y": np.arange(ROWS) % 7 + 0.5})
    try:
        task = Task.from_table(frame, "y", **{option: ["a"]})
    except DataError:
        return
    encoding = fit_encoding(task.frame.iloc[task.split.fitted], task.profile)
    assert np.isfinite(encoding.transform(task.frame).x_num).all()


def test_a_column_may_mix_every_type() -> None:
    mixed = [1, 1.0, True, "1", "x", None, np.nan, [1], {"a": 1}, date(2020, 1, 1), Decimal("2.5"), b"z"]
    frame = pd.DataFrame(
        {"mixed": mixed * 4, "span": [timedelta(seconds=s) for s in range(48)], "y": range(48)}
    )
    task = Task.from_table(frame, "y", metric="mae")
    kinds = {column.name: column.kind for column in task.profile.columns}
    assert kinds == {"mixed": "categorical", "span": "numeric", "y": "target"}


@pytest.mark.parametrize(
    "name", ["class", 'say "hi"', "{{ x }}", "{0}", "%s", "a\nb", "größe 日本", "[bold]", "'"]
)
def test_a_column_may_have_any_name(name: str, tmp_path) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {name: generator.normal(size=60), "other": list("abc") * 20, "y": generator.normal(size=60)}
    )
    task = Task.from_table(frame, "y", categorical=[name])
    assert name in {column.name for column in task.profile.features}
    backwards = Task.from_table(frame, name)
    encoding = fit_encoding(backwards.frame.iloc[backwards.split.fitted], backwards.profile)
    assert write_bundle(tmp_path, backwards, encoding, 0).codec.kind == "regression"


def test_names_that_are_no_texts_are_read_as_texts() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)))
    task = Task.from_table(frame, "2")
    assert [column.name for column in task.profile.features] == ["0", "1"]
