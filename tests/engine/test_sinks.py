"""Trackers that are named: followed through a run and its resumed session, and never begun in vain."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Epoch, Event, Job, Outcome
from codegen_hpo.run import Run
from codegen_hpo.store.folder import RunFolder, list_runs
from codegen_hpo.store.now import read_now
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


class Epochs:
    """A sink that keeps what goes on, and what the run's folder tells of it at that moment."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self.told: list[tuple[str, int]] = []
        self.seen: list[list[tuple[str, int]]] = []

    def receive(self, event: Event) -> None:
        if event.kind == "passed":
            self.told.append((event.key, event.data["epoch"]))
            (folder,) = map(RunFolder.open, list_runs(self._runs))
            self.seen.append([(shown.key, shown.data["epoch"]) for shown in read_now(folder)])


def test_epochs_are_told_while_they_pass_and_recorded_nowhere(
    start: Callable[..., Run], sandbox: ScriptedSandbox, tmp_path: Path
) -> None:
    def outcome(job: Job) -> Outcome:
        for number in (1, 2) if job.passed else ():
            job.passed(Epoch(number, 1.0, 1.0 / number, 0.1))
        return answered(job)

    answered = sandbox.script
    epochs = Epochs(tmp_path / "runs")
    run = start(sandbox=ScriptedSandbox(outcome), sinks=[epochs], budget=Budget(trials=3), reseed=0)
    assert epochs.told == [(f"t{trial:03d}", epoch) for trial in (1, 2, 3) for epoch in (1, 2)]
    assert epochs.seen == [[told] for told in epochs.told]
    assert run.folder.of_kind("passed") == []
    assert not (run.folder.path / "now.json").exists()


def test_a_run_whose_folder_cannot_tell_what_goes_on_goes_on(
    start: Callable[..., Run], sandbox: ScriptedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: RunFolder, name: str, content: bytes | str) -> Path:
        if name == "now.json":
            raise OSError(28, "No space left on device")
        return written(self, name, content)

    def outcome(job: Job) -> Outcome:
        if job.passed:
            job.passed(Epoch(1, 1.0, 1.0, 0.1))
        return sandbox.script(job)

    written = RunFolder.write
    monkeypatch.setattr(RunFolder, "write", write)
    run = start(sandbox=ScriptedSandbox(outcome), budget=Budget(trials=2), reseed=0)
    assert [trial.outcome.status for trial in run.history.trials] == ["ok", "ok"]
