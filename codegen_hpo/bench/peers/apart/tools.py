"""Whole tools, with the settings that their pages recommend for a quick model."""

from pathlib import Path
from typing import Any

from .job import Job, every_class, predictor


def flaml(job: Job, x: Any, y: Any, rows: Any) -> Any:
    from flaml import AutoML

    names = {"average_precision": "ap", "rmsle": "rmse", "balanced_accuracy": "accuracy"}
    metric = names.get(job.metric, job.metric)
    if job.kind == "multiclass":
        metric = {"roc_auc": "roc_auc_ovr", "f1": "macro_f1"}.get(metric, metric)
    model = AutoML()
    task = "regression" if job.kind == "regression" else "classification"
    model.fit(
        x, y, task=task, metric=metric, time_budget=job.seconds, n_jobs=job.threads, seed=job.seed, verbose=0
    )  # fmt: skip
    return predictor(job, model)(rows)


def autogluon(job: Job, train: Any, test: Any) -> Any:
    from autogluon.tabular import TabularPredictor

    names = {"rmse": "root_mean_squared_error", "rmsle": "root_mean_squared_error"}
    names |= {"mae": "mean_absolute_error"}
    metric = names.get(job.metric, job.metric)
    if job.kind == "multiclass":
        metric = {"roc_auc": "roc_auc_ovr_macro", "f1": "f1_macro"}.get(metric, metric)
    predictor = TabularPredictor(
        label=job.target,
        problem_type=job.kind,
        eval_metric=metric,
        path=str(Path(job.folder) / "models"),
        verbosity=0,
    ).fit(
        train, time_limit=job.seconds, presets="medium_quality", num_cpus=job.threads, num_gpus=0
    )  # fmt: skip
    if job.kind == "regression":
        return predictor.predict(test).to_numpy()
    probabilities = predictor.predict_proba(test)
    return every_class(job, probabilities.to_numpy(), probabilities.columns)
