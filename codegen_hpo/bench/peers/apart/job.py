"""What a peer is asked for, and what a fitted model is."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Job(NamedTuple):
    arm: str
    train: str
    test: str
    target: str
    kind: str  # "regression", "binary" or "multiclass", with codes 0 to classes - 1
    classes: int
    metric: str
    seconds: float  # for fitting
    threads: int
    seed: int
    folder: str  # for predictions.csv, done.json and whatever a peer leaves


class Model(NamedTuple):
    """A fitted model: its predictions, and how many rounds it took."""

    predict: Callable[[Any], Any]  # rows → (rows,) values or (rows, classes) probabilities
    rounds: int


def predictor(job: Job, model: Any) -> Callable[[Any], Any]:
    """How a fitted model of scikit-learn's manners predicts."""
    if job.kind == "regression":
        return lambda rows: model.predict(rows)
    return lambda rows: every_class(job, model.predict_proba(rows), model.classes_)


def every_class(job: Job, probabilities: Any, known: Any) -> Any:
    """(rows, classes): a class that the rows at hand lacked has probability 0."""
    import numpy as np

    every = np.zeros((len(probabilities), job.classes))
    every[:, np.asarray(known).astype(int)] = probabilities
    return every
