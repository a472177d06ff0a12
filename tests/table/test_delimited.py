"""Large CSV files are read in pieces, small ones as a whole: both give the same table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.table import delimited
from codegen_hpo.table.read import read_table

LINES = 300_000  # 6 MB and more: pandas reads such a file in pieces

Line = Callable[[int], str]


def _halves(first: str, second: str) -> Line:
    return lambda n: f"{first},{n},some text\n" if n < LINES // 2 else f"{second},{n},some text\n"


def _rarely(usual: str, odd: str) -> Line:
    return lambda n: (odd if n == LINES - 1_000 else usual) + f",{n},some text\n"


QUICK = _halves("1.50", "word")
SLOW = [
    _halves("true", ""),
    _halves('"two\nlines"', '"a, b"'),
    _halves("1", "1.5"),
    _halves("True", "1"),
    _halves("", "word"),
    _halves("", "7"),
    _halves("NA", "nan"),
    _halves("00501", "10001"),
    _halves("2020-01-01", "01/02/2020"),
    _halves(" 5", "+6"),
    _halves("0x10", "16"),
    _halves("1e400", "inf"),
    _halves("-1", "18446744073709551615"),
    _halves('"he said ""no"""', "it's"),
    _rarely("12", "twelve"),
    _rarely("12", "12,13"),
    lambda n: f"{n},{n % 7}\n" if n % 1_000 == 3 else f"{n},{n % 7},x{n % 50:08d}\n",
    lambda n: f"{n / 7},{n},größe\r\n",
    lambda n: "\n" if n % 5_000 == 9 else f"{n},{'' if n % 3 else n},ever more text\n",
]


@pytest.mark.parametrize("line", [QUICK, *(pytest.param(line, marks=pytest.mark.slow) for line in SLOW)])
def test_both_ways_of_reading_give_equal_tables(
    tmp_path: Path, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "".join(map(line, range(LINES))), encoding="utf-8", newline="")
    assert 5 << 20 < path.stat().st_size < delimited.LARGE

    def read() -> pd.DataFrame | str:
        try:
            return read_table(path).frame
        except Exception as error:
            return f"{type(error)}: {error}"

    whole = read()
    monkeypatch.setattr(delimited, "LARGE", 0)
    pieces = read()
    if isinstance(whole, str):
        assert pieces == whole
    else:
        assert isinstance(pieces, pd.DataFrame)
        pd.testing.assert_frame_equal(pieces, whole, check_exact=True)


def test_a_mixed_column_of_a_large_file_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "LARGE", 0)
    monkeypatch.setattr(delimited, "_mixed", lambda frame: ["self"])
    (tmp_path / "t.csv").write_text("self,n\n1,2\nword,3\n")
    assert read_table(tmp_path / "t.csv").frame["self"].tolist() == ["1", "word"]


def test_a_packed_large_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "LARGE", 0)
    frame = pd.DataFrame({"a": np.arange(2_000), "b": ["x", "00501"] * 1_000})
    frame.to_csv(tmp_path / "t.csv.gz", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv.gz").frame, frame)


def test_letters_beyond_the_first_megabyte_decide_the_encoding(tmp_path: Path) -> None:
    text = "name,n\n" + "plain,1\n" * 200_000 + "größe,2\n"
    (tmp_path / "utf.csv").write_bytes(text.encode())
    (tmp_path / "latin.csv").write_bytes(text.encode("latin-1"))
    for name in ("utf.csv", "latin.csv"):
        table = read_table(tmp_path / name)
        assert table.frame["name"].iloc[-1] == "größe"
        assert bool(table.warnings) == (name == "latin.csv")
