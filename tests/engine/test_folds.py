"""Calls that are trained once a fold, each time without the rows that they are scored on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.bundle import bundle_folders, read_codec
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError, NoModelError
from codegen_hpo.records import Check, Epoch, Job, Outcome
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.scoring.ensemble import average
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.task import METRICS, Task
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.testing.killing import KillAfter, Killed

Start = Callable[..., Run]
FOLDS = 3


class Waves:
    """Models that know the table's two numbers, each but for a wave of its own; see test_final_model.

    Args:
        fails: what becomes of a job, given the fold that its worker sees ("" when rows are predicted afresh);
            None is as it should be.
    """

    name = "waves"

    def __init__(self, fails: Callable[[Job, str], Outcome | None] = lambda job, fold: None) -> None:
        self.jobs: list[tuple[str, Job]] = []
        self.opened: list[Path] = []
        self._fails = fails

    def open(self, bundle: Path) -> "_Worker":
        self.opened.append(bundle)
        return _Worker(self, bundle)

    def trained(self) -> list[tuple[str, Job]]:
        return [(fold, job) for fold, job in self.jobs if job.kind == "train"]

    def answer(self, job: Job, bundle: Path, numbers: np.ndarray) -> Outcome:
        fold = bundle.name if bundle.name.startswith("fold") else ""
        self.jobs.append((fold, job))
        if failed := self._fails(job, fold):
            return failed
        if job.kind == "dry_run":
            return Outcome(status="ok", checks=tuple(Check(dict(p), 10, "", "", None) for p in job.points))
        phase = 1000 * float(job.arguments["learning_rate"]) + 7 * job.seed
        outputs = (2 * numbers[:, 0] - numbers[:, 1]) / 3
        outputs = outputs + 0.4 * np.sin(9 * numbers[:, 0] + 5 * numbers[:, 1] + phase)
        points = job.stop_after_epoch or 8
        return Outcome(
            status="ok",
            outputs=outputs[:, None].astype(np.float32),
            weights=f"weights of {job.seed}".encode() if job.kind == "train" else None,
            curve=tuple(Epoch(n, 1.0, 1.0 + phase % 1, 0.01 * n) for n in range(1, points + 1)),
            parameters=10,
            best_epoch=1,
            stopped="epochs",
            seconds=0.1,
        )


class _Worker:
    hello = Hello(python="3.11.0", torch="2.13.0", cuda="")

    def __init__(self, sandbox: Waves, bundle: Path) -> None:
        self._sandbox, self._bundle = sandbox, bundle
        self._numbers = np.load(bundle / "eval_num.npy")

    def run(self, job: Job) -> Outcome:
        return self._sandbox.answer(job, self._bundle, self._numbers)

    def close(self) -> None:
        pass


@pytest.fixture
def fold(start: Start) -> Callable[..., Run]:
    """Fits in folds, with a sandbox of waves."""

    def run(sandbox: Waves, **changes: object) -> Run:
        options = {"budget": Budget(trials=3), "tuner": "random", "folds": FOLDS}
        return start(sandbox=sandbox, **options | changes)

    return run


def test_no_worker_sees_a_label_of_the_rows_that_it_predicts(fold: Callable[..., Run], task: Task) -> None:
    run = fold(Waves())
    held = HeldOut.load(run.path / "labels")
    assert sorted(held.validation_rows) == sorted(task.split.free)
    assert sorted([*held.validation_rows, *held.test_rows]) == list(range(len(task.frame)))
    begin = 0
    for folder in bundle_folders(run.path / "bundle", FOLDS):
        known = np.concatenate([np.load(folder / f"{part}_y.npy") for part in ("train", "inner")])
        count = len(np.load(folder / "eval_num.npy"))
        left_out = held.validation_y[begin : begin + count]
        begin += count
        assert not np.isin(left_out, known).any()
        assert not np.isin(held.test_y, known).any()
        assert len(known) + count == len(task.split.free)
    assert begin == len(held.validation_y)


def test_the_score_is_that_of_the_predictions_out_of_fold(fold: Callable[..., Run]) -> None:
    """Each fold's outputs are in the unit of its own training rows."""
    run = fold(Waves())
    trial = run.history.trials[0]
    held, decoded = HeldOut.load(run.path / "labels"), []
    base = run.path / f"candidates/c01/trials/{trial.name}"
    codecs = [read_codec(folder) for folder in bundle_folders(run.path / "bundle", FOLDS)]
    for number, codec in enumerate(codecs, 1):
        decoded.append(codec.decode(np.load(base / f"fold{number}" / "validation_outputs.npy")))
    assert trial.score == pytest.approx(score(METRICS["rmse"], held.validation_y, np.concatenate(decoded)))
    assert len({codec.transforms["none"].mean for codec in codecs if codec.transforms}) == FOLDS
    first = held.validation_y[: len(decoded[0])]
    assert trial.folds[0].score == pytest.approx(score(METRICS["rmse"], first, decoded[0]))
    assert [one.seed for one in trial.folds] == [0, 1, 2]


def test_the_mean_of_the_folds_is_the_model(
    fold: Callable[..., Run], small_table: pd.DataFrame, task: Task
) -> None:
    sandbox = Waves()
    run = fold(sandbox, ensemble=1)
    final, trial = run.history.final, run.best.trial
    assert final is not None
    held = HeldOut.load(run.path / "labels")
    codecs = [read_codec(folder) for folder in bundle_folders(run.path / "bundle", FOLDS)]
    base = run.path / f"candidates/c01/trials/{trial.name}"
    decoded = [
        codec.decode(np.load(base / f"fold{n}" / "test_outputs.npy")) for n, codec in enumerate(codecs, 1)
    ]
    mean = average(decoded, [1.0] * FOLDS)
    assert final.test_score == pytest.approx(score(METRICS["rmse"], held.test_y, mean))
    sandbox.opened.clear()
    predicted = run.predict(small_table.iloc[held.test_rows], sandbox=sandbox)["y"].to_numpy()
    assert predicted == pytest.approx(mean)
    assert len(sandbox.opened) == 1, "one worker predicts for all models"


def test_fresh_seeds_and_the_ensemble_are_made_of_trials(fold: Callable[..., Run]) -> None:
    sandbox = Waves()
    run = fold(sandbox, budget=Budget(trials=10))
    final = run.history.final
    assert final is not None
    assert final.is_ensemble
    fresh = [t for t in run.history.trials if t.call.proposed_by.startswith("fresh seed of ")]
    assert {trial.seed for trial in fresh} == {FOLDS}
    assert {one.seed for trial in fresh for one in trial.folds} == {3, 4, 5}
    opened = [job for _, job in sandbox.jobs if job.kind == "predict"]
    assert len(opened) == FOLDS * len({*final.members, final.trial})


def test_a_trial_fails_with_its_first_fold_that_fails(fold: Callable[..., Run]) -> None:
    def fails(job: Job, name: str) -> Outcome | None:
        failing = job.kind == "train" and name == "fold2" and job.arguments["momentum"] != 0.9
        return Outcome(status="nan", stage="step", error="the loss is not finite") if failing else None

    sandbox = Waves(fails)
    run = fold(sandbox)
    first, *others = run.history.trials
    assert first.outcome.status == "ok"
    assert {trial.outcome.status for trial in others} == {"nan"}
    assert others[0].outcome.error == "fold 2 of 3: the loss is not finite"
    assert not others[0].folds
    assert len(sandbox.trained()) == FOLDS + 2 * len(others), "the third fold is not trained in vain"


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_folds_side_by_side_give_the_same_numbers(
    fold: Callable[..., Run], tmp_path: Path, parallel: int
) -> None:
    run = fold(Waves(), parallel=parallel, runs=tmp_path / "a")
    assert run.history.settings["parallel"] == 1
    assert run.history.settings["folds_at_once"] == parallel
    alone = fold(Waves(), runs=tmp_path / "b")
    assert told(run) == told(alone)


def test_where_the_first_fold_is_pruned_the_others_stop_at_its_point(
    fold: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pruned(Waves):
        def answer(self, job: Job, bundle: Path, numbers: np.ndarray) -> Outcome:
            outcome = super().answer(replace(job, stop_after_epoch=5) if job.prune else job, bundle, numbers)
            return replace(outcome, stopped="pruned") if job.prune else outcome

    monkeypatch.setattr("codegen_hpo.engine.tuning.thresholds", lambda *_: ((2, 0.5),))
    sandbox = Pruned()
    run = fold(sandbox, budget=Budget(trials=2), prune="median", parallel=2)
    last = run.history.trials[-1]
    assert last.outcome.stopped == "pruned"
    assert [(one.points, one.stopped) for one in last.folds] == [(5, "pruned"), (5, "epochs"), (5, "epochs")]
    assert not any(job.prune for fold, job in sandbox.trained() if fold != "fold1")


def test_a_model_of_a_fold_that_predicts_something_else_afresh_disqualifies_its_trial(
    fold: Callable[..., Run],
) -> None:
    def forgets(job: Job, name: str) -> Outcome | None:
        if job.kind == "predict" and job.weights == b"weights of 1":
            return Outcome(status="error", stage="load", error="missing key")
        return None

    with pytest.raises(NoModelError, match="none of the 3 trials"):
        fold(Waves(forgets))


def test_what_was_recorded_is_repeated(fold: Callable[..., Run]) -> None:
    run = fold(Waves())
    again = run.rerun("t002", sandbox=Waves())
    assert not [one for one in again.differences if one.what in ("metric", "folds", "curve", "data", "seed")]
    other = run.rerun("t002", sandbox=Waves(), seed=5)
    assert {"metric", "folds", "seed"} <= {one.what for one in other.differences}


def test_a_run_is_exported_with_a_folder_for_each_model(fold: Callable[..., Run], tmp_path: Path) -> None:
    run = fold(Waves(), budget=Budget(trials=4))
    members = run.model()
    assert len(members) > 1
    run.export(tmp_path / "model")
    told = json.loads((tmp_path / "model" / "run.json").read_text("utf-8"))
    assert len(told["members"]) == FOLDS * len(members)
    assert sum(member["weight"] for member in told["members"]) == pytest.approx(1, abs=1e-3)
    metas = [json.loads((f / "meta.json").read_text()) for f in bundle_folders(run.path / "bundle", FOLDS)]
    for member, meta in zip(told["members"], metas * len(members), strict=True):
        assert member["target"] == meta["target"]
        weights = (tmp_path / "model" / member["folder"] / "weights.safetensors").read_bytes()
        assert weights == f"weights of {member['seed']}".encode()


# -- kill and resume --------------------------------------------------------------------------------


def told(run: Run) -> list[tuple[object, ...]]:
    return [
        (t.number, dict(t.call.arguments), t.score, [(one.seed, one.score) for one in t.folds])
        for t in run.history.trials
    ]


def test_a_kill_at_some_event_changes_nothing(
    fold: Callable[..., Run], tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codegen_hpo.engine.prepare.baselines", lambda *_, **__: ())
    whole = fold(Waves(), runs=tmp_path / "whole")
    for events in range(2, len(whole.folder.events), 3):
        runs = tmp_path / str(events)
        with pytest.raises(Killed):
            fold(Waves(), runs=runs, sinks=[KillAfter(events)])
        (path,) = runs.iterdir()
        run = Run.open(path)
        sandbox = Waves()
        trials = len(run.history.trials)
        run.resume(author=ScriptedAuthor([source]), sandbox=sandbox, environ={})
        assert told(run) == told(whole)
        assert run.history.final == whole.history.final
        assert len(sandbox.trained()) == FOLDS * (3 - trials)


# -- the choice of folds ----------------------------------------------------------------------------


def test_a_small_table_is_dealt_into_five_folds_by_default(start: Start, small_table: pd.DataFrame) -> None:
    run = start(sandbox=Waves(), folds=None, budget=Budget(trials=1))
    assert run.history.settings["folds"] == len(run.task["split"]["folds"]) == 5
    assert len(run.history.trials[0].folds) == 5


def test_folds_along_time_are_refused() -> None:
    rows = pd.DataFrame({"t": pd.date_range("2024-01-01", periods=60), "x": range(60), "y": range(60)})
    task = Task.from_table(rows, "y", time_column="t")
    assert not task.in_folds().split.folds
    with pytest.raises(ConfigError, match="time column"):
        task.in_folds(3)
