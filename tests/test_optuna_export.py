"""Runs as Optuna studies, read back with Optuna."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from click.testing import CliRunner
from optuna.study import StudyDirection
from optuna.trial import TrialState

from codegen_hpo.cli.main import cli
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.fitting import fit
from codegen_hpo.minimizing import minimize
from codegen_hpo.objective.base import Infeasible
from codegen_hpo.optuna_export import Written, distribution, export_studies, parameter
from codegen_hpo.records import Check, Epoch, Job, Outcome
from codegen_hpo.run import Run
from codegen_hpo.space import Choice, Float
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox

SOURCE = '''\
"""A line."""

from typing import Annotated, Literal

import torch
from torch import nn


def make_model_and_optimizer(
    n_numeric: int,
    n_outputs: int,
    *,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2,
    kind: Literal["sgd", "adam"] = "sgd",
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A linear model.

    Args:
        learning_rate: Step size.
        kind: The optimiser.
    """
    model = nn.Linear(n_numeric, n_outputs)
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate)
'''
MENDED = SOURCE.replace("1e-4, 1e-1", "1e-3, 1e-1")


@pytest.fixture(scope="module")
def run(small_table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Eight trials: the first text's only one fails, and so do calls with adam."""
    task = Task.from_table(small_table, "y")

    def answer(job: Job) -> Outcome:
        if job.kind == "dry_run":
            return Outcome(status="ok", checks=tuple(Check(dict(p), 10, "", "", None) for p in job.points))
        if job.source == SOURCE or job.arguments["kind"] == "adam":
            return Outcome(status="error", stage="step", error="ValueError: no", seconds=0.5)
        rows = len(task.split.validation) + (2 * len(task.split.test) if job.kind == "predict" else 0)
        value = float(job.arguments["learning_rate"])
        return Outcome(
            status="ok",
            outputs=np.full((rows, 1), value, np.float32),
            weights=b"weights" if job.kind == "train" else None,
            curve=(Epoch(1, 1.0, 2.0, 0.1), Epoch(2, 0.9, float("nan"), 0.2)),
            parameters=10,
            seconds=0.25,
        )

    return fit(
        task,
        author=ScriptedAuthor([SOURCE, MENDED]),
        sandbox=ScriptedSandbox(answer),
        tuner="random",
        budget=Budget(trials=8),
        folds=1,
        parallel=1,
        runs=tmp_path_factory.mktemp("runs"),
        environ={},
    )


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all tests: a new database takes a second."""
    return f"sqlite:///{tmp_path_factory.mktemp('storage')}/study.db"


@pytest.fixture(scope="module")
def written(run: Run, storage: str) -> list[Written]:
    return export_studies(run.folder, storage)


def test_each_text_of_a_candidate_is_a_study_with_its_own_ranges(
    run: Run, storage: str, written: list[Written]
) -> None:
    name = run.folder.name
    assert written == [(f"{name}-c01-attempt-1", 1), (f"{name}-c01", 7)]
    first, last = (optuna.load_study(study_name=study.name, storage=storage) for study in written)
    assert first.trials[0].distributions["learning_rate"].low == 1e-4
    assert last.trials[0].distributions["learning_rate"].low == 1e-3
    assert last.user_attrs["candidate"] == "c01"
    assert last.user_attrs["metric"] == "rmse"


def test_every_trial_is_there_with_what_is_known_of_it(
    run: Run, storage: str, written: list[Written]
) -> None:
    study = optuna.load_study(study_name=written[-1].name, storage=storage)
    recorded = [trial for trial in run.history.trials if trial.number > 1]
    for theirs, ours in zip(study.trials, recorded, strict=True):
        assert theirs.params == dict(ours.call.arguments)
        assert theirs.user_attrs["proposed_by"] == ours.call.proposed_by
        assert theirs.state == (TrialState.FAIL if ours.score is None else TrialState.COMPLETE)
        assert theirs.value == ours.score
    failed = next(trial for trial in study.trials if trial.state == TrialState.FAIL)
    assert (failed.user_attrs["status"], failed.user_attrs["error"]) == ("error", "ValueError: no")
    complete = study.best_trial
    assert complete.intermediate_values[1] == 2.0
    assert np.isnan(complete.intermediate_values[2])
    assert complete.user_attrs["trial"] == run.best.trial.name
    assert complete.user_attrs["test_score"] == run.history.final.test_score  # type: ignore[union-attr]
    assert complete.datetime_complete is not None
    assert abs(datetime.now() - complete.datetime_complete) < timedelta(minutes=5)


def test_importances_and_tables_can_be_made_of_it(storage: str, written: list[Written]) -> None:
    study = optuna.load_study(study_name=written[-1].name, storage=storage)
    assert set(optuna.importance.get_param_importances(study)) == {"learning_rate", "kind"}
    frame = study.trials_dataframe()
    assert len(frame) == 7
    assert {"params_kind", "user_attrs_proposed_by", "value"} <= set(frame)


def test_a_study_of_that_name_is_left_alone(run: Run, storage: str) -> None:
    mine = export_studies(run.folder, storage, "mine")
    assert [study.name for study in mine] == ["mine-c01-attempt-1", "mine-c01"]
    with pytest.raises(ConfigError, match="has a study 'mine-c01' already") as raised:
        export_studies(run.folder, storage, "mine")
    assert "--study-name" in raised.value.hint


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/study.db", "no-such-database://x", "study.db"])
def test_an_unusable_storage_is_an_error_that_says_what_to_give(run: Run, url: str) -> None:
    with pytest.raises(ConfigError, match="storage cannot be used") as raised:
        export_studies(run.folder, url)
    assert "sqlite:///" in raised.value.hint


def test_a_run_without_trials_has_nothing_to_export(tmp_path: Path, storage: str) -> None:
    folder = RunFolder.create(tmp_path, "empty", datetime.now())
    with pytest.raises(ConfigError, match="no trials"):
        export_studies(folder, storage)


def test_choices_that_python_takes_for_one_are_told_apart_by_their_texts() -> None:
    plain, mixed = Choice(("relu", False)), Choice((1, True, 1.0))
    assert distribution(plain).choices == ("relu", False)  # type: ignore[attr-defined]
    assert distribution(mixed).choices == ("1", "True", "1.0")  # type: ignore[attr-defined]
    assert [parameter(mixed, value) for value in (1, True, 1.0)] == ["1", "True", "1.0"]


def test_the_command_names_the_studies(run: Run, storage: str) -> None:
    result = CliRunner().invoke(
        cli, ["export", str(run.path), "--optuna", storage, "--study-name", "from the command"]
    )
    assert result.exit_code == 0, result.output
    assert "from the command-c01: 7 trials" in result.output
    assert "optuna-dashboard sqlite:///" in result.output


def test_the_command_wants_one_of_its_two_kinds(run: Run, tmp_path: Path) -> None:
    for options in ([], ["-o", str(tmp_path / "x"), "--optuna", "sqlite:///y"]):
        result = CliRunner().invoke(cli, ["export", str(run.path), *options])
        assert result.exit_code == 2
        assert "one of" in result.output


def test_the_run_of_an_objective_is_one_study_under_the_runs_name(storage: str, tmp_path: Path) -> None:
    def objective(arguments: dict[str, object]) -> float:
        if arguments["kind"] == "b":
            raise Infeasible("no b")
        return float(arguments["x"])  # type: ignore[arg-type]

    space = {"x": Float(0.0, 1.0), "kind": Choice(("a", "b"))}
    found = minimize(
        objective, space, tuner="random", trials=6, maximize=True, metric="profit", run=tmp_path / "mine"
    )
    written = export_studies(RunFolder.open(tmp_path / "mine"), storage)
    assert written == [Written("mine", 6)]
    study = optuna.load_study(study_name="mine", storage=storage)
    assert study.direction == StudyDirection.MAXIMIZE
    assert study.best_value == found.value
    assert study.user_attrs["metric"] == "profit"
    failed = [trial for trial in study.trials if trial.params["kind"] == "b"]
    assert {trial.state for trial in failed} <= {TrialState.FAIL}
    assert all("no b" in trial.user_attrs["error"] for trial in failed)


def test_trials_are_in_the_order_of_their_calls_whichever_ended_first(storage: str, tmp_path: Path) -> None:
    second_ended = threading.Event()

    def objective(arguments: dict[str, object]) -> float:
        if arguments["x"] == 0.25:
            assert second_ended.wait(10)
        elif arguments["x"] == 0.75:
            threading.Timer(0.2, second_ended.set).start()
        return float(arguments["x"])  # type: ignore[arg-type]

    run = tmp_path / "parallel"
    start = [{"x": 0.25}, {"x": 0.75}]
    minimize(objective, {"x": Float(0.0, 1.0)}, tuner="random", trials=2, parallel=2, start=start, run=run)
    folder = RunFolder.open(run)
    assert [event.data["number"] for event in folder.of_kind("trial")] == [2, 1]
    export_studies(folder, storage)
    study = optuna.load_study(study_name="parallel", storage=storage)
    assert [trial.params["x"] for trial in study.trials] == [0.25, 0.75]
    assert [trial.user_attrs["trial"] for trial in study.trials] == ["t001", "t002"]
