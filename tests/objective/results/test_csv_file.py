"""CSV as loggers and hand-written loops leave it, whole or not."""

import pytest

from codegen_hpo.objective.results.csv_file import read_csv


def test_cells_below_the_header_are_numbers_where_they_can_be() -> None:
    told = read_csv(b"\xef\xbb\xbfepoch, loss,note\r\n1, 0.5,fine\r\n2,nan,\r\n", "m.csv")
    assert told.complaint == ""
    assert told.rows[0] == {"epoch": 1.0, "loss": 0.5, "note": "fine"}
    assert told.rows[1]["loss"] != told.rows[1]["loss"]


def test_a_torn_last_line_is_left_out_and_a_whole_one_counts() -> None:
    assert read_csv(b"a,b\n1,2\n3", "m.csv") == ([{"a": 1.0, "b": 2.0}], "", {})
    assert len(read_csv(b"a,b\n1,2\n3,4", "m.csv").rows) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"a,b\n1,2\n3\n4,5\n", "line 3 of m.csv has 1 cells, its header 2"),
        (b"a,b\n1,2\n3,4,5\n", "line 3 of m.csv has 3 cells, its header 2"),
        (b"a,b,a\n1,2,3\n", "2 columns named 'a'"),
        (b'a,b\n1,"2\n3,4\n', "m.csv is not CSV: line 3: unexpected end of data"),
    ],
)
def test_a_broken_file_is_told(text: bytes, complaint: str) -> None:
    told = read_csv(text, "m.csv")
    if "cells, its" in complaint:
        assert told.rows == [{"a": 1.0, "b": 2.0}]
    assert complaint in told.complaint


def test_an_empty_cell_is_missing_unless_another_row_of_its_epoch_fills_it() -> None:
    of_a_logger = b"epoch,train,val\n0,3,\n0,,4\n1,2,\n1,,3\n"
    assert read_csv(of_a_logger, "m.csv").rows == [
        {"epoch": 0.0, "train": 3.0}, {"epoch": 0.0, "val": 4.0},
        {"epoch": 1.0, "train": 2.0}, {"epoch": 1.0, "val": 3.0},
    ]  # fmt: skip
    of_pandas = b"epoch,val\n0,4\n1,\n"
    assert read_csv(of_pandas, "m.csv").rows[1] == {"epoch": 1.0, "val": None}
    assert read_csv(b"a,val\n0,4\n1,\n", "m.csv").rows[1] == {"a": 1.0, "val": None}


def test_an_empty_file_has_no_rows() -> None:
    assert read_csv(b"", "m.csv") == ([], "", {})
    assert read_csv(b"epoch,val\n", "m.csv").rows == []
