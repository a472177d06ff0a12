"""MLflow: a run for the search, and one nested in it for each trial."""

import logging
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from codegen_hpo.records import Event, Trial
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.store import codec

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

EXPERIMENT = "codegen-hpo"
_RUN, _TRIAL, _FINAL = "codegen_hpo.run", "codegen_hpo.trial", "codegen_hpo.final"  # tags
_PARENT = "mlflow.parentRunId"
_ENDS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
_SETTINGS = ("author", "tuner", "model", "seed", "folds", "parallel", "sandbox", "device")
_METRICS_A_REQUEST, _PARAMETERS_A_REQUEST = 1000, 100  # what MLflow takes


class MLflow:
    """Writes to a tracking server or its database.

    Args:
        uri: "sqlite:///mlflow.db", "http://127.0.0.1:5000".
        run: the run's name.
        metric: names the score.
    """

    def __init__(self, uri: str, run: str, metric: str) -> None:
        self._client = _client(uri)
        self._metric = metric
        found = self._client.get_experiment_by_name(EXPERIMENT)
        self._experiment = found.experiment_id if found else self._client.create_experiment(EXPERIMENT)
        self._tags = {_RUN: run}
        quote = '"' if "'" in run else "'"
        known = self._runs(f"tags.`{_RUN}` = {quote}{run}{quote}")
        parents = [one for one in known if _TRIAL not in one.data.tags]
        self._parent = (
            parents[0]
            if parents
            else self._client.create_run(self._experiment, tags=self._tags, run_name=run)
        ).info.run_id
        self._final = parents[0].data.tags.get(_FINAL, "") if parents else ""
        self._trials: set[str] = set()
        for one in known:
            if one.info.status in ("FINISHED", "FAILED"):
                self._trials.add(one.data.tags.get(_TRIAL, ""))
            elif _TRIAL in one.data.tags:
                self._client.delete_run(one.info.run_id)  # what a kill left half written

    def receive(self, event: Event) -> None:
        """Writes what is new of the run; see `apart.Tracker`."""
        if event.kind == "settings":
            told = {name: event.data[name] for name in _SETTINGS if name in event.data}
            self._client.update_run(self._parent, status="RUNNING")
            # more budget or another device at a resume: the first session's parameters stand
            if not self._client.get_run(self._parent).data.params:
                self._log(self._parent, [], told)
        elif event.kind == "trial":
            trial = codec.trial_from_json(event.data)
            if trial.name not in self._trials:
                self._write(trial, event.data["wall_s"], _milliseconds(event))
                self._trials.add(trial.name)
        elif event.kind == "final" and event.key != self._final:
            self._write_final(event.data["result"], event)
        elif event.kind in _ENDS:
            self._client.set_terminated(self._parent, _ENDS[event.kind], _milliseconds(event))

    def close(self) -> None:
        """Nothing is open between events."""

    def _write(self, trial: Trial, wall_s: float, ended_ms: int) -> None:
        began_ms = ended_ms - round(1000 * wall_s)
        tags = self._tags | {_TRIAL: trial.name, _PARENT: self._parent}
        tags |= {"candidate": trial.candidate, "proposed_by": trial.call.proposed_by}
        tags |= {"status": trial.outcome.status, "error": short(trial.outcome.error)}
        run = self._client.create_run(
            self._experiment, start_time=began_ms, tags=tags, run_name=trial.name
        ).info.run_id
        scores = {self._metric: trial.score, "seconds": trial.outcome.seconds}
        metrics = [*_curve(trial, began_ms), *_metrics(scores, ended_ms)]
        self._log(run, metrics, trial.call.arguments)
        self._client.set_terminated(run, "FAILED" if trial.loss is None else "FINISHED", ended_ms)

    def _write_final(self, result: Mapping[str, Any], event: Event) -> None:
        parts = {part: result[f"{part}_score"] for part in ("validation", "test")}
        scores = {f"{part}_{self._metric}": score for part, score in parts.items()}
        self._log(self._parent, list(_metrics(scores, _milliseconds(event))), {})
        self._client.set_tag(self._parent, "best_trial", result["trial"])
        self._client.set_tag(self._parent, _FINAL, event.key)
        self._final = event.key

    def _log(self, run: str, metrics: Sequence["Metric"], parameters: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        told = [Param(name, str(value)) for name, value in parameters.items()]
        for start in range(0, len(told), _PARAMETERS_A_REQUEST):
            self._client.log_batch(run, params=told[start : start + _PARAMETERS_A_REQUEST])
        for start in range(0, len(metrics), _METRICS_A_REQUEST):
            self._client.log_batch(run, metrics=metrics[start : start + _METRICS_A_REQUEST])

    def _runs(self, of: str) -> list[Any]:
        runs, token = [], None
        while True:
            page = self._client.search_runs([self._experiment], of, page_token=token)
            runs += page
            if not (token := page.token):
                return runs


def _client(uri: str) -> "MlflowClient":
    """A client that tells nobody of its use, nothing of its tables, and prints no addresses to stdout."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow.tracking import MlflowClient

    return MlflowClient(uri)


def _metrics(scores: Mapping[str, float | None], at_ms: int) -> "Iterator[Metric]":
    from mlflow.entities import Metric

    for name, value in scores.items():
        if value is not None:
            yield Metric(name, value, at_ms, 0)


def _curve(trial: Trial, began_ms: int) -> "Iterator[Metric]":
    from mlflow.entities import Metric

    for point in trial.outcome.curve:
        at_ms = began_ms + round(1000 * point.seconds)
        for name, value in (("train_loss", point.train_loss), ("inner_loss", point.inner_loss)):
            if math.isfinite(value):
                yield Metric(name, value, at_ms, point.number)


def _milliseconds(event: Event) -> int:
    """Since 1970."""
    return round(1000 * datetime.fromisoformat(event.time).timestamp())
