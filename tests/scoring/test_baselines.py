"""Cheap models that a run is compared with."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.bundle import write_bundle, write_rows
from codegen_hpo.scoring import baselines as module
from codegen_hpo.scoring.baselines import Baseline, baselines
from codegen_hpo.table.encoder import fit_encoding
from codegen_hpo.task import Task

ROWS = 600


def _run(y: np.ndarray, **options: object) -> tuple[Baseline, ...]:
    frame = _features().assign(y=y)
    task = Task.from_table(frame, "y", categorical=["many"], **options)
    encoding = fit_encoding(task.frame, task.profile, task.split.fitted)
    with tempfile.TemporaryDirectory() as place:
        bundle = write_bundle(Path(place) / "bundle", task, encoding, 0)
        write_rows(Path(place) / "test", bundle.folder, encoding, task.frame, bundle.test_rows)
        return baselines(task, encoding, [bundle], Path(place) / "test")


def _features() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": generator.normal(size=ROWS),
            "b": generator.choice(["u", "v", "w"], ROWS),
            "many": generator.integers(0, 290, ROWS),
        }
    )


def test_a_linear_relation_is_learnt_by_the_linear_model() -> None:
    features = _features()
    y = 1e6 + features["a"] * 3 + (features["b"] == "u") * 2
    mean, linear, boosting = _run(y.to_numpy())
    assert [mean.name, linear.name, boosting.name] == ["mean", "linear", "histogram boosting"]
    assert linear.test_score < 0.5 < boosting.test_score < mean.test_score
    assert all(b.seconds >= 0 for b in (mean, linear, boosting))


@pytest.mark.parametrize("metric", ["log_loss", "accuracy", "roc_auc"])
@pytest.mark.parametrize("classes", [2, 3])
def test_classes_are_learnt_by_both(metric: str, classes: int) -> None:
    y = np.digitize(_features()["a"], [0] if classes == 2 else [-0.5, 0.5])
    majority, linear, boosting = _run(y, metric=metric, kind="auto")
    assert majority.name == "majority"
    for model in (linear, boosting):
        if metric == "log_loss":
            assert model.validation_score < majority.validation_score
        else:
            assert model.validation_score > majority.validation_score


def test_categories_beyond_what_boosting_takes_are_taken_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BINS", 2)
    assert all(b.test_score is not None for b in _run(_features()["a"].to_numpy()))


def test_a_model_fitted_on_fewer_rows_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINEAR_ROWS", 100)
    assert _run(_features()["a"].to_numpy())[1].name == "linear (on 100 rows)"
