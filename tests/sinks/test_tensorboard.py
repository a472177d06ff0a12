"""TensorBoard's own reader finds each trial's curve, score and arguments, once."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from codegen_hpo.records import Event
from codegen_hpo.sinks.tensorboard import TensorBoard

pytest.importorskip("tensorboard")


def write(folder: Path, events: Sequence[Event]) -> None:
    sink = TensorBoard(str(folder), "r1", "rmse")
    for event in events:
        sink.receive(event)
    sink.close()


def test_curves_scores_and_arguments_are_there(tmp_path: Path, events: list[Event]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    write(tmp_path, events)
    read = EventAccumulator(str(tmp_path / "r1" / "t003"))
    read.Reload()
    assert [(p.step, p.value) for p in read.Scalars("loss/inner")] == [(1, 3.0), (2, 2.5)]
    assert [(p.step, p.value) for p in read.Scalars("trial/rmse")] == [(3, 0.25)]
    told = read.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    hparams = HParamsPluginData.FromString(told).session_start_info.hparams
    assert hparams["width"].number_value == 192
    assert hparams["use_residual"].string_value == "True"
    failed = EventAccumulator(str(tmp_path / "r1" / "t002"))
    failed.Reload()
    assert "trial/rmse" not in failed.Tags()["scalars"]


def test_a_resume_writes_only_what_is_new(
    tmp_path: Path, events: list[Event], first_session: list[Event]
) -> None:
    write(tmp_path, first_session)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("events.out.*")}
    torn = tmp_path / "r1" / ".t003"
    torn.mkdir()
    (torn / "events.out.tfevents.1.host").write_bytes(b"torn by a kill")
    write(tmp_path, events)
    files = sorted(path.parent.name for path in tmp_path.rglob("events.out.*"))
    assert files == ["t001", "t002", "t003"]
    assert {path: path.read_bytes() for path in kept} == kept
