"""Where the value of a command is read, and what else it may print."""

import math
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.value_source import ValueSource

LAST = ValueSource(metric="loss")


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("epoch 1\n0.5\n", 0.5),
        ('0.5\n{"loss": 0.25, "other": 1}\nbye\n', 0.25),
        ('{"loss": 0.25}\n  1e-3  \n', 1e-3),
        ('{"other": 1}\n7', 7.0),
        ('{"loss": 3}', 3.0),
    ],
)
def test_the_last_line_that_is_a_value_counts(output: str, value: float) -> None:
    assert LAST.read(output, Path()).value == value


@pytest.mark.parametrize("output", ["nan", '{"loss": NaN}', '{"loss": null}'])
def test_nan_is_read_as_nan(output: str) -> None:
    value = LAST.read(output, Path()).value
    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize(
    "output", ["", "loss: 0.5", "1_0", '{"other": 1}', '{"loss": "0.5"}', '{"loss": true}', "{" * 9_999]
)
def test_without_a_value_there_is_a_complaint(output: str) -> None:
    found = LAST.read(output, Path())
    assert found.value is None
    assert "loss" in found.complaint


def test_the_last_match_of_a_pattern_counts() -> None:
    source = ValueSource(metric="loss", pattern=r"^val: ([-.\de]+)$")
    assert source.read("val: 3\nval: 0.5\nno val: 9\n0.1", Path()).value == 0.5
    assert "matches" in source.read("0.1", Path()).complaint
    assert "no number" in source.read("val: e-.", Path()).complaint
    word = ValueSource(metric="loss", pattern=r"val: (\w+)")
    assert "no number" in word.read("val: 1_0", Path()).complaint


@pytest.mark.parametrize(
    ("held", "value", "complaint"),
    [
        ("0.5", 0.5, ""),
        ('{"loss": 2}', 2.0, ""),
        ('{"los": 2}', None, "has no 'loss'; it has 'los'"),
        ('{"a\\nt002 tpe loss 0\\u001b[2K": 2}', None, "it has 'a\\nt002 tpe loss 0\\x1b[2K'"),
        ("0.5 0.6", None, "not JSON"),
        ("[1]", None, "expected a number"),
    ],
)
def test_a_result_file_holds_a_number_or_an_object(
    tmp_path: Path, held: str, value: float | None, complaint: str
) -> None:
    (tmp_path / "r.json").write_text(held)
    found = ValueSource(metric="loss", file="r.json").read("0.125", tmp_path)
    assert found.value == value
    assert complaint in found.complaint


def test_a_result_file_that_was_not_written_is_no_value(tmp_path: Path) -> None:
    assert "wrote no r.json" in ValueSource(metric="loss", file="r.json").read("0.125", tmp_path).complaint


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "/tmp/x.json"},
        {"file": "../x.json"},
        {"pattern": "("},
        {"pattern": "val"},
        {"pattern": "(a)(b)"},
        {"pattern": "(a)", "file": "x"},
    ],
)
def test_a_source_that_cannot_be_used_is_refused_at_once(changes: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        ValueSource(metric="loss", **changes)
    assert caught.value.hint
