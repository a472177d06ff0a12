"""TensorBoard's event files, written by its own writer and by hands with worse intentions."""

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.results.events import read_events
from codegen_hpo.objective.results.opening import opened
from codegen_hpo.objective.results.rows import Told

pytest.importorskip("tensorboard")


def record(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + bytes(4) + data + bytes(4)


def scalar(tag: str, step: int, value: float, *, tensor: bool = False) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event

    event = Event(step=step, wall_time=1.0)
    one = event.summary.value.add(tag=tag)
    if tensor:
        one.tensor.dtype = 1
        one.tensor.float_val.append(value)
    else:
        one.simple_value = value
    return record(event.SerializeToString())


def write(file: Path, *records: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(records))
    return file


def read(folder: Path, name: str) -> Told:
    with opened(folder, name) as descriptor:
        return read_events(descriptor, name, "loss")


def test_what_torch_writes_is_read(tmp_path: Path) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(str(tmp_path / "runs/one"))
    for step in range(3):
        writer.add_scalar("loss", 3.0 - step, step)
        writer.add_histogram("weights", np.arange(3.0), step)
    writer.close()
    told = read(tmp_path, "runs")
    assert told.complaint == ""
    assert [row["loss"] for row in told.rows] == [3.0, 2.0, 1.0]
    assert [row["step"] for row in told.rows] == [0, 1, 2]


def test_scalars_of_both_kinds_are_read_from_one_file_or_several(tmp_path: Path) -> None:
    first = write(tmp_path / "b/events.out.tfevents.1", scalar("loss", 1, 0.5), scalar("lr", 1, 0.25))
    write(tmp_path / "b/events.out.tfevents.2", scalar("loss", 2, 0.125, tensor=True))
    (tmp_path / "b/notes.txt").write_text("no events")
    assert [row.get("loss") for row in read(tmp_path, "b").rows] == [0.5, None, 0.125]
    assert [row.get("loss") for row in read(tmp_path, f"b/{first.name}").rows] == [0.5, None]


def test_a_record_that_was_not_written_to_its_end_is_left_out(tmp_path: Path) -> None:
    for cut in (1, 10, 20):
        write(tmp_path / "tfevents", scalar("loss", 1, 0.5), scalar("loss", 2, 0.25)[:-cut])
        told = read(tmp_path, "tfevents")
        assert told.complaint == ""
        assert [row["loss"] for row in told.rows][:1] == [0.5]


def test_a_large_record_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "tfevents", record(bytes(2 << 20)), scalar("loss", 1, 0.5))
    assert [row["loss"] for row in read(tmp_path, "tfevents").rows] == [0.5]


def test_a_metric_in_several_folders_is_not_guessed_at(tmp_path: Path) -> None:
    write(tmp_path / "logs/train/tfevents", scalar("loss", 1, 0.5), scalar("lr", 1, 0.1))
    write(tmp_path / "logs/val/tfevents", scalar("loss", 1, 0.75))
    told = read(tmp_path, "logs")
    assert "'logs/train', 'logs/val'" in told.complaint
    assert [set(row) - {"step"} for row in told.rows] == [{"train/loss"}, {"lr"}, {"val/loss"}]
    assert read(tmp_path, "logs/val").rows == [{"step": 1, "loss": 0.75}]


@pytest.mark.parametrize("data", [b"hello, this is no event file at all", record(b"\xff" * 20), b"\xff" * 64])
def test_a_file_that_only_has_the_name_is_told(tmp_path: Path, data: bytes) -> None:
    write(tmp_path / "tfevents", data)
    assert "no event file" in read(tmp_path, "tfevents").complaint


def test_links_and_pipes_among_the_files_are_not_read(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside/tfevents", scalar("loss", 1, 0.5))
    (tmp_path / "logs").mkdir()
    os.mkfifo(tmp_path / "logs/tfevents.pipe")
    (tmp_path / "logs/below").symlink_to(outside.parent)
    assert read(tmp_path, "logs") == ([], "", {})
    (tmp_path / "logs/tfevents.link").symlink_to(outside)
    assert "cannot be read" in read(tmp_path, "logs").complaint


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "tfevents", scalar("loss", 1, 0.5))
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "tfevents")
    assert "codegen-hpo[tensorboard]" in caught.value.hint
