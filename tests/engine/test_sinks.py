"""Trackers that are named: followed through a run and its resumed session, and never begun in vain."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox


def test_a_run_is_not_begun_for_a_sink_that_is_none(start: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no sink"):
        start(sinks=["nothing:x"])
    assert not (tmp_path / "runs").exists()


def test_a_run_and_its_resumed_session_are_followed(
    start: Callable[..., Run], sandbox: ScriptedSandbox, source: str, tmp_path: Path
) -> None:
    file = tmp_path / "trials.csv"
    run = start(sinks=[f"csv:{file}"], budget=Budget(trials=4), reseed=0)
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")  # as if the tracker had been away
    run.resume(trials=6, author=ScriptedAuthor([source]), sandbox=sandbox, sinks=[f"csv:{file}"], environ={})
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["trial"] for row in rows] == [f"t{number:03d}" for number in range(1, 7)]
    assert {row["run"] for row in rows} == {run.folder.name}
    scores = [None if t.score is None else str(t.score) for t in run.history.trials]
    assert [row["score"] for row in rows] == scores
