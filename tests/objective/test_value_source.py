"""Where the value of a command is read, and what else it may print."""

import math
from pathlib import Path
from typing import Literal

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.value_source import ValueSource

LAST = ValueSource(metric="loss")


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("epoch 1\n0.5\n", 0.5),
        ('0.5\n{"loss": 0.25, "other": 1}\nbye\n', 0.25),
        ('{"loss": 0.25}\n  1e-3  \n', 0.25),
        ('{"other": 1}\n  1e-3  \n', 1e-3),
        ("loss: 0.5\nloss = 0.25\nval_loss: 3\n1437\n", 0.25),
        ("epoch 3 loss: 0.5\n7\nloss: low\n", 7.0),
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
    "output",
    ["", "loss 0.5", "loss: 1_0", "1_0", '{"other": 1}', '{"loss": "0.5"}', '{"loss": true}', "{" * 9_999],
)
def test_without_a_value_there_is_a_complaint(output: str) -> None:
    found = LAST.read(output, Path())
    assert found.value is None
    assert "loss" in found.complaint


@pytest.mark.parametrize(
    ("output", "value"), [('{"loss": 0.5}\n1437\n', 0.5), ("loss: 0.5\n1437\n", 0.5), ("0.5\n1437\n", None)]
)
def test_a_source_may_want_lines_that_name_the_metric(output: str, value: float | None) -> None:
    found = ValueSource(metric="loss", named=True).read(output, Path())
    assert found.value == value
    assert value or found.complaint == (
        "no line of its output is a JSON object with 'loss', or 'loss: NUMBER'; "
        "--pattern or --result-file reads a value that stands elsewhere"
    )


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


def test_a_pick_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown pick 'first'"):
        ValueSource(metric="loss", pick="first")  # type: ignore[arg-type]


LINES = (
    '{"epoch": 1, "loss": 3}\n{"epoch": 2, "loss": NaN}\n{"epoch": 3, "loss": 2}\n{"epoch": 4, "loss": 2.5}\n'
)


@pytest.mark.parametrize(
    ("pick", "maximize", "value"), [("last", True, 2.5), ("best", False, 2.0), ("best", True, 3.0)]
)
@pytest.mark.parametrize(
    "source",
    [{"file": "m.jsonl"}, {"file": "m.csv"}, {"file": "m.json"}, {"pattern": '"loss": ([^}]+)'}, {}],
    ids=lambda source: next(iter(source.values()), "lines"),
)
def test_the_last_or_the_best_of_several_counts(
    tmp_path: Path, source: dict[str, str], pick: Literal["last", "best"], maximize: bool, value: float
) -> None:
    (tmp_path / "m.jsonl").write_text(LINES)
    (tmp_path / "m.csv").write_text("epoch,loss\n1,3\n2,nan\n3,2\n4,2.5\n")
    (tmp_path / "m.json").write_text('{"epoch": [1, 2, 3, 4], "loss": [3, null, 2, 2.5]}')
    found = ValueSource(metric="loss", pick=pick, maximize=maximize, **source)
    assert found.read(LINES, tmp_path).value == value


@pytest.mark.parametrize("pick", ["last", "best"])
def test_the_last_nan_counts_and_the_best_only_if_there_is_nothing_else(
    tmp_path: Path, pick: Literal["last", "best"]
) -> None:
    source = ValueSource(metric="loss", file="m.csv", pick=pick)
    (tmp_path / "m.csv").write_text("epoch,loss\n1,3\n2,\n")
    value = source.read("", tmp_path).value
    assert value is not None
    assert value == 3.0 if pick == "best" else math.isnan(value)
    (tmp_path / "m.csv").write_text("epoch,loss\n1,nan\n2,inf\n")
    value = source.read("", tmp_path).value
    assert value is not None
    assert not math.isfinite(value)


def test_one_value_for_the_whole_run_goes_before_its_epochs(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(
        '{"loss": 0.5, "history": [{"epoch": 1, "loss": 0.25}, {"epoch": 2, "loss": 3}]}'
    )
    source = ValueSource(metric="loss", file="m.json", pick="best")
    assert source.read("", tmp_path).value == 0.5
    assert source.trajectory("", tmp_path) == (("loss", (1.0, 2.0), (0.25, 3.0)),)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("m.csv", "epoch,los\n1,2\n", "m.csv has no 'loss'; it has 'epoch', 'los'"),
        ("m.csv", "epoch,loss\n", "m.csv has no 'loss'; it has nothing"),
        ("m.csv", "epoch,loss\n1,high\n", "loss in m.csv is 'high', which is no number"),
        ("m.csv", "epoch,loss\n1,1_0\n", "'1_0', which is no number"),
        ("m.jsonl", '{"loss": "0.5"}\n', "'0.5', which is no number"),
        ("m.jsonl", '{"loss": true}\n', "True, which is no number"),
        ("m.json", '{"loss": [1, "x"]}', "'x', which is no number"),
        ("m.json", '{"loss": {"train": 1}}', "which is no number"),
    ],
)
def test_a_file_without_a_number_for_the_metric_is_told(
    tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    (tmp_path / name).write_text(text)
    found = ValueSource(metric="loss", file=name).read("0.125", tmp_path)
    assert found.value is None
    assert complaint in found.complaint


@pytest.mark.parametrize("name", ["m.json", "m.csv", "m.jsonl", "tfevents", "logs"])
def test_a_link_in_the_place_of_the_file_is_never_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_text("0.5")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / name).symlink_to("../outside")
    source = ValueSource(metric="loss", file=name)
    assert "links are not followed" in source.read("", tmp_path / "work").complaint
    assert source.trajectory("", tmp_path / "work") == ()


def test_a_folder_of_events_is_a_source(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(str(tmp_path / "runs/one"))
    for step, loss in enumerate([3.0, 1.0, 2.0]):
        writer.add_scalar("val/loss", loss, step)
    writer.close()
    source = ValueSource(metric="val/loss", file="runs/", pick="best")
    assert source.read("", tmp_path).value == 1.0
    assert source.trajectory("", tmp_path) == (("val/loss", (0.0, 1.0, 2.0), (3.0, 1.0, 2.0)),)


def test_a_trajectory_is_read_as_far_as_the_source_is_whole(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("epoch,loss,train\n1,3,4\n2,2,3\nTraceback\n3,1,2\n")
    source = ValueSource(metric="loss", file="m.csv")
    assert source.read("", tmp_path).value is None
    assert source.trajectory("", tmp_path) == (
        ("loss", (1.0, 2.0), (3.0, 2.0)),
        ("train", (1.0, 2.0), (4.0, 3.0)),
    )


def test_lines_of_the_output_are_a_trajectory_with_what_stands_beside_the_metric() -> None:
    output = 'hello\n{"epoch": 1, "loss": 3, "acc": 0.5}\nwarning\n{"epoch": 2, "loss": 2, "acc": 0.75}\n'
    assert LAST.trajectory(output, Path()) == (
        ("loss", (1.0, 2.0), (3.0, 2.0)),
        ("acc", (1.0, 2.0), (0.5, 0.75)),
    )
    pattern = ValueSource(metric="loss", pattern="loss: (.*)")
    assert pattern.trajectory("loss: 3\nloss: -\nloss: 2\n", Path()) == (("loss", (1.0, 2.0), (3.0, 2.0)),)
