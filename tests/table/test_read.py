"""Reading files into tables."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.errors import DataError
from codegen_hpo.table.read import Table, read_table

TEXT = "name,größe,n\nÅsa,1.5,1\nZoë,2.5,2\n"


def _write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    frame = read_table(_write(tmp_path / "t.csv", TEXT.replace(",", delimiter))).frame
    assert list(frame) == ["name", "größe", "n"]
    assert frame["größe"].tolist() == [1.5, 2.5]


def test_commas_within_quotes_do_not_hide_a_semicolon(tmp_path: Path) -> None:
    frame = read_table(_write(tmp_path / "t.csv", 'a;b\n"1,5";x\n"2,5";y\n')).frame
    assert list(frame) == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "latin-1"])
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    text = TEXT + "Müller,3.5,3\nJürgen,4.5,4\nBjörn,5.5,5\n" * 20
    data = b"\xff\xfe" + text.encode("utf-16-le") if encoding == "utf-16-le-bom" else text.encode(encoding)
    frame = read_table(_write(tmp_path / "t.csv", data)).frame
    assert list(frame) == ["name", "größe", "n"]
    assert frame["name"].iloc[2:5].tolist() == ["Müller", "Jürgen", "Björn"]


def test_gzip_and_parquet_are_read(tmp_path: Path) -> None:
    plain = read_table(_write(tmp_path / "t.csv", TEXT)).frame
    packed = read_table(_write(tmp_path / "t.csv.gz", gzip.compress(TEXT.encode()))).frame
    plain.to_parquet(tmp_path / "t.parquet")
    assert packed.equals(plain)
    assert read_table(tmp_path / "t.parquet").frame.equals(plain)


@pytest.mark.parametrize("suffix", ["gz", "bz2", "zip", "xz", "zst", "tar"])
def test_an_unpacked_file_may_keep_the_name_that_it_was_packed_under(tmp_path: Path, suffix: str) -> None:
    path = _write(tmp_path / f"t.csv.{suffix}", TEXT)
    assert read_table(path).frame["n"].tolist() == [1, 2]


def test_codes_with_leading_zeros_keep_them(tmp_path: Path) -> None:
    frame = read_table(_write(tmp_path / "t.csv", "zip,n\n00501,0\n10001,10\n,20\n")).frame
    assert frame["zip"].iloc[:2].tolist() == ["00501", "10001"]
    assert frame["n"].tolist() == [0, 10, 20]


def test_the_hash_is_of_the_bytes_and_the_name_has_no_path(tmp_path: Path) -> None:
    table = read_table(_write(tmp_path / "t.csv", TEXT))
    assert table.name == "t.csv"
    assert table.sha256 == read_table(str(tmp_path / "t.csv")).sha256
    assert len(table.sha256) == 64


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n\n \n", "blank lines"),
        (b"a,b\n", "no rows"),
        (b"a,b,a\n1,2,3\n", "same name: 'a'"),
        (b"a, a\n1,2\n", "same name: 'a'"),
        (b"a,b\n1,2\n1,2,3\n", "cannot be read as CSV"),
        (b"\x00\x01\x02\xff" * 50, "binary"),
        (b"PK\x03\x04rest", "zip or Excel"),
        (b"\x1f\x8bnot gzip", "cannot be unpacked"),
        (b"PAR1 but not really", "Parquet"),
        (b'a,b\n"1,2\n', "cannot be read as CSV"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(_write(tmp_path / "t.csv", data))


def test_a_missing_file_suggests_a_similar_one(tmp_path: Path) -> None:
    _write(tmp_path / "taxis.csv", TEXT)
    with pytest.raises(DataError, match="no file") as caught:
        read_table(tmp_path / "taxi.csv")
    assert "taxis.csv" in caught.value.hint
    with pytest.raises(DataError, match="folder"):
        read_table(tmp_path)
    with pytest.raises(DataError):
        read_table("nul\0.csv")


def test_blank_names_are_numbered_as_pandas_does(tmp_path: Path) -> None:
    assert list(read_table(_write(tmp_path / "t.csv", ",a,\n0,1,2\n")).frame) == [
        "Unnamed: 0",
        "a",
        "Unnamed: 2",
    ]


def test_thousands_of_columns_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.arange(6_000).reshape(3, 2_000))
    frame.to_csv(tmp_path / "wide.csv", index=False)
    assert read_table(tmp_path / "wide.csv").frame.shape == (3, 2_000)


def test_a_frame_is_a_table_with_text_names_and_a_hash_of_its_cells() -> None:
    frame = pd.DataFrame({1: [1, 2], ("a", "b"): [[1], {"x": 2}]}, index=[5, 6])
    table = Table.from_frame(frame)
    assert list(table.frame) == ["1", "a b"]
    assert list(table.frame.index) == [0, 1]
    assert table.sha256 == Table.from_frame(frame.copy()).sha256
    assert table.sha256 != Table.from_frame(frame.assign(**{"1": 3}).set_axis([1, "a b", "c"], axis=1)).sha256
    with pytest.raises(DataError, match="same name: '1'"):
        Table.from_frame(pd.DataFrame([[1, 2]], columns=[1, "1"]))
    with pytest.raises(DataError, match="nothing to learn"):
        Table.from_frame(pd.DataFrame())


def test_a_named_index_of_a_parquet_file_is_a_column_and_dots_are_letters(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "a.b": ["x", None]}, index=pd.Index([7, 8], name="id"))
    frame.to_parquet(tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet").frame
    assert read["id"].tolist() == [7, 8]
    assert read["a.b"].iloc[0] == "x"
    assert list(read) == ["id", "a", "a.b"]
    frame.reset_index(drop=True).iloc[::-1].to_parquet(tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet").frame) == ["a", "a.b"]


def test_a_wide_parquet_file_keeps_the_order_and_types_of_its_columns(tmp_path: Path) -> None:
    columns = {f"c{n}": (list("ab"), [1, 2], [0.5, None], [True, False])[n % 4] for n in range(100)}
    frame = pd.DataFrame(columns).assign(day=pd.to_datetime(["2020-01-01", "2020-01-02"]))
    frame["kind"] = pd.Categorical(["u", "v"])
    frame.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet").frame, frame, check_index_type=False)


def test_cells_of_several_types_become_their_texts_once() -> None:
    cells = [1, 1.0, " 1", True, None, np.nan, b"z", [1]]
    column = Table.from_frame(pd.DataFrame({"mixed": pd.Series(cells, dtype=object)})).frame["mixed"]
    assert column.dropna().tolist() == ["1", "1", "1", "True", "z", "[1]"]
    assert column.isna().tolist() == [False] * 4 + [True] * 2 + [False] * 2


def test_a_column_of_several_types_may_have_any_name() -> None:
    given = pd.DataFrame({"self": pd.Series([1, "a"], dtype=object), "n": [1, 2]})
    assert Table.from_frame(given).frame["self"].tolist() == ["1", "a"]
    assert given["self"].tolist() == [1, "a"]
