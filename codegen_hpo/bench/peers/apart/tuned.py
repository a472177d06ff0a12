"""Boosting whose arguments are tuned for a time.

A fifth of the rows is held out. Optuna's TPE proposes, after the defaults; in the end the best arguments are
fitted on all rows with the number of rounds that was best, for which time is kept back.
"""

import time
from typing import Any

import numpy as np
import optuna
from sklearn import metrics

from .boosting import Boosting
from .job import Job


def tuned(boosting: Boosting, job: Job, x: Any, y: Any, rows: Any) -> tuple[Any, str]:
    """The predictions of the arguments that TPE found best, fitted on all rows, and what was tried."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    began = time.monotonic()
    order = np.random.RandomState(job.seed).permutation(len(x))
    out, kept = order[: len(x) // 5], order[len(x) // 5 :]
    held = (x.iloc[out], y.iloc[out])
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=job.seed))
    best: tuple[float, dict[str, Any], int, float] | None = None
    longest = 0.0
    number = 0
    while best is None or job.seconds - (time.monotonic() - began) > longest + 1.5 * best[3]:
        trial = study.ask()
        arguments = boosting.space(trial)
        arguments = arguments if number else {}
        started = time.monotonic()
        model = boosting.fit(job, arguments, x.iloc[kept], y.iloc[kept], held)
        loss = _loss(job, held[1].to_numpy(), model.predict(held[0]))
        if number:
            study.tell(trial, loss)
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)  # its arguments are not those that ran
        took = time.monotonic() - started
        longest, number = max(longest, took), number + 1
        if best is None or loss < best[0]:
            best = (loss, arguments, model.rounds, took)
    rounds = max(1, best[2])
    final = boosting.fit(job, best[1] | {boosting.rounds: rounds}, x, y, None)
    return final.predict(rows), f"{number} trials"


def _loss(job: Job, y: Any, predictions: Any) -> float:
    """The metric on held-out rows, signed so that lower is better."""
    if job.kind == "regression":
        if job.metric == "mae":
            return float(metrics.mean_absolute_error(y, predictions))
        if job.metric == "rmsle":
            y, predictions = np.log1p(y), np.log1p(np.maximum(predictions, 0))
        return float(metrics.root_mean_squared_error(y, predictions))
    codes = predictions.argmax(axis=1)
    if job.metric == "roc_auc" and len(np.unique(y)) == job.classes:
        positive = predictions[:, 1] if job.classes == 2 else predictions
        return -float(metrics.roc_auc_score(y, positive, multi_class="ovr"))
    if job.metric == "average_precision":
        return -float(metrics.average_precision_score(y, predictions[:, 1]))
    if job.metric in ("accuracy", "balanced_accuracy"):
        return -float(getattr(metrics, f"{job.metric}_score")(y, codes))
    if job.metric == "f1":
        return -float(metrics.f1_score(y, codes, average="binary" if job.classes == 2 else "macro"))
    return float(metrics.log_loss(y, predictions, labels=np.arange(job.classes)))
