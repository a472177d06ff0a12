"""A table of trials: a row each, never two, whatever was interrupted; and no cell is a formula."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from codegen_hpo.errors import StorageError
from codegen_hpo.records import Event
from codegen_hpo.sinks.csv_file import COLUMNS, CsvFile


def write(path: Path, run: str, events: Sequence[Event]) -> list[dict[str, str]]:
    sink = CsvFile(str(path), run)
    for event in events:
        sink.receive(event)
    sink.close()
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_trial_is_a_row(tmp_path: Path, events: list[Event]) -> None:
    rows = write(tmp_path / "new" / "trials.csv", "r1", events)
    assert [row["trial"] for row in rows] == ["t001", "t002", "t003"]
    assert [row["score"] for row in rows] == ["0.5", "", "0.25"]
    assert json.loads(rows[2]["arguments"])["width"] == 192
    assert rows[1]["error"] == """'=cmd("x") Traceback, "of" two lines"""


def test_a_resume_writes_only_what_is_new(
    tmp_path: Path, events: list[Event], first_session: list[Event]
) -> None:
    path = tmp_path / "trials.csv"
    write(path, "r1", first_session)
    write(path, "another", first_session)
    with path.open("ab") as file:
        file.write(b'r1,t003,c01,tpe,"o')  # torn by a kill
    rows = write(path, "r1", events)
    assert [(row["run"], row["trial"]) for row in rows] == [
        ("r1", "t001"),
        ("r1", "t002"),
        ("another", "t001"),
        ("another", "t002"),
        ("r1", "t003"),
    ]


@pytest.mark.parametrize("text", ["fare,miles\n1,2\n3,4", '{"a": 1}', "run,trial,other"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, events: list[Event], text: str) -> None:
    path = tmp_path / "taxis.csv"
    path.write_text(text)
    with pytest.raises(StorageError, match="something else"):
        write(path, "r1", events)
    assert path.read_text() == text


def test_an_empty_run_has_a_header(tmp_path: Path) -> None:
    assert write(tmp_path / "t.csv", "r1", []) == []
    assert (tmp_path / "t.csv").read_text() == ",".join(COLUMNS) + "\n"
