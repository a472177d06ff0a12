"""MLflow itself, with a database in a file: a run, its trials nested in it, each once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.records import Event
from codegen_hpo.sinks.mlflow import EXPERIMENT, MLflow

pytest.importorskip("mlflow")
pytestmark = pytest.mark.slow  # its import and its tables take 5 s


def write(uri: str, events: Sequence[Event]) -> None:
    sink = MLflow(uri, "r1's", "rmse")
    for event in events:
        sink.receive(event)
    sink.close()


def read(uri: str) -> tuple[Any, dict[str, Any], Any]:
    """The run, its trials by name, and the client."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id]))
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    nested = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(nested) == len(runs) - 1
    names = [run.info.run_name for run in nested]
    assert len(set(names)) == len(names), "a trial was written twice"
    return parent, dict(zip(names, nested, strict=True)), client


def test_a_run_and_a_resumed_one_are_one_run_with_each_trial_once(
    tmp_path: Path, events: list[Event], first_session: list[Event]
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    write(uri, first_session)
    parent, trials, client = read(uri)
    assert sorted(trials) == ["t001", "t002"]
    assert parent.info.status == "FINISHED"
    assert parent.data.params["tuner"] == "tpe"
    assert parent.data.metrics == {"validation_rmse": 0.5, "test_rmse": 0.6}
    assert trials["t001"].data.metrics["rmse"] == 0.5
    assert trials["t001"].data.params == {
        "width": "64",
        "activation": "=SUM(A1)",
        "use_residual": "True",
        "learning_rate": "0.001",
    }
    assert trials["t002"].info.status == "FAILED"
    curve = client.get_metric_history(trials["t001"].info.run_id, "inner_loss")
    assert [(point.step, point.value) for point in curve] == [(1, 3.0), (2, 2.5)]

    # a kill left a trial half written
    tags = trials["t001"].data.tags | {"codegen_hpo.trial": "t003", "mlflow.runName": "t003"}
    client.create_run(parent.info.experiment_id, tags=tags)
    write(uri, events)
    write(uri, events)
    parent, trials, _ = read(uri)
    assert sorted(trials) == ["t001", "t002", "t003"]
    assert trials["t003"].data.metrics["rmse"] == 0.25
    assert parent.data.tags["best_trial"] == "t003"
    assert parent.data.metrics["test_rmse"] == 0.35
