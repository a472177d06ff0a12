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


TWICE = b'{"val": {"epoch": [1, 2], "acc": [0.5, 0.6]}, "train": {"epoch": [1, 2], "acc": [0.99, 1.0]}}'


def test_a_metric_that_several_parts_hold_is_refused_until_one_is_named() -> None:
    told = read_json(TWICE, "m.json", "acc")
    assert told.complaint == "'acc' is in several parts of m.json: 'val.acc', 'train.acc'; name one of them"
    named = read_json(TWICE, "m.json", "train.acc")
    assert not named.complaint
    assert [row["train.acc"] for row in named.rows if "train.acc" in row] == [0.99, 1.0]
    assert named.rows[0] == {"epoch": 1, "val.acc": 0.5}


@pytest.mark.parametrize(
    "text",
    [
        '{"val": {"acc": 0.5}, "train": {"acc": 1.0}}',
        '{"val": {"acc": 0.5}, "train": {"acc": [0.9, 1.0]}}',
        '{"val": [{"acc": 0.4}, {"acc": 0.5}], "train": {"acc": [0.9, 1.0]}}',
    ],
)
def test_single_numbers_and_rows_are_parts_alike(text: str) -> None:
    assert (
        "several parts of m.json: 'val.acc', 'train.acc'"
        in read_json(text.encode(), "m.json", "acc").complaint
    )
    told = read_json(text.encode(), "m.json", "val.acc")
    cells = [told.final["val.acc"]] if "val.acc" in told.final else [row.get("val.acc") for row in told.rows]
    assert not told.complaint
    assert 0.5 in cells
    assert 1.0 not in cells


@pytest.mark.parametrize("name", ["acc", "val.acc"])
def test_a_part_may_be_named_where_it_is_the_only_one(name: str) -> None:
    assert read_json(b'{"val": {"acc": 0.5, "kind": "top-1"}}', "m.json", name).final[name] == 0.5
    assert read_json(b'{"val": {"acc": [0.5]}}', "m.json", name).rows == [{name: 0.5}]


@pytest.mark.parametrize("top", ["0.5", "[0.5]"])
def test_what_stands_at_the_top_has_the_bare_name_to_itself(top: str) -> None:
    told = read_json(
        f'{{"acc": {top}, "val": {{"acc": [0.7]}}, "train": {{"acc": [0.9]}}}}'.encode(), "m.json", "acc"
    )
    assert not told.complaint
    assert told.final.get("acc") == 0.5 or told.rows[0] == {"acc": 0.5}
    assert [name for row in told.rows for name in row if name != "acc"] == ["val.acc", "train.acc"]


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
