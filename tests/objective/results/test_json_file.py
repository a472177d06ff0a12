"""JSON in the shapes in which training scripts write it."""

import pytest

from codegen_hpo.objective.results.json_file import read_json, read_json_lines


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (
            '[{"epoch": 1, "loss": 3}, {"epoch": 2, "loss": 2}]',
            [{"epoch": 1, "loss": 3}, {"epoch": 2, "loss": 2}],
        ),
        ('{"epoch": [1, 2], "loss": [3, 2]}', [{"epoch": 1, "loss": 3}, {"epoch": 2, "loss": 2}]),
        ('{"history": {"loss": [3, null]}}', [{"loss": 3}, {"loss": None}]),
        ('{"log_history": [{"step": 5, "loss": 3}], "lr": 0.1}', [{"step": 5, "loss": 3}]),
        ('{"loss": [3, 2], "val": [9]}', [{"loss": 3}, {"loss": 2}, {"val": 9}]),
        ('{"config": {"lr": 0.1}, "loss": 3, "layers": []}', []),
    ],
)
def test_rows_are_objects_in_a_list_or_lists_side_by_side(text: str, rows: list[object]) -> None:
    assert read_json(text.encode(), "m.json", "loss").rows == rows


def test_what_stands_for_the_whole_run_is_apart_from_the_rows() -> None:
    told = read_json(b'{"loss": 0.5, "history": [{"loss": 3}]}', "m.json", "loss")
    assert told.final["loss"] == 0.5
    assert told.rows == [{"loss": 3}]
    assert read_json(b"0.25", "m.json", "loss").final == {"loss": 0.25}


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b"\xff\xfe\x00", b"9" * 5000, b"nan"])
def test_what_is_no_json_is_told(text: bytes) -> None:
    assert "m.json is not JSON" in read_json(text, "m.json", "loss").complaint


def test_a_torn_last_line_is_left_out_and_a_whole_one_counts() -> None:
    assert read_json_lines(b'{"a": 1}\n\n{"a": 2', "m.jsonl") == ([{"a": 1}], "", {})
    assert read_json_lines(b'{"a": 1}\n{"a": 2}', "m.jsonl").rows == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("line", [b"loss: 3", b"[1]", b"3", b"{" * 50_000])
def test_a_line_that_is_no_object_is_told_with_the_rows_before_it(line: bytes) -> None:
    told = read_json_lines(b'{"a": 1}\n' + line + b'\n{"a": 2}\n', "m.jsonl")
    assert told.rows == [{"a": 1}]
    assert "line 2 of m.jsonl" in told.complaint
    assert len(told.complaint) < 200
