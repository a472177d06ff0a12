"""The estimators on a frame as people have it, and what is left of them in a pickle."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import codegen_hpo
from codegen_hpo.author.fixed import FixedAuthor
from codegen_hpo.errors import ConfigError, NoCandidateError
from codegen_hpo.estimators import CodegenClassifier, CodegenRegressor
from codegen_hpo.run import Run
from codegen_hpo.testing.networks import QUICKLY

ONE_TRIAL = QUICKLY | {"n_trials": 1, "ensemble": 1, "random_state": 0}


@pytest.fixture
def frame(small_table: pd.DataFrame) -> pd.DataFrame:
    """Numbers, texts, dates and booleans, each with missing cells, under an index of its own."""
    generator = np.random.default_rng(1)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(200) % 90, unit="D")
    frame = small_table.drop(columns="y").assign(
        when=days, flag=generator.random(200) < 0.5, kind=pd.Categorical(small_table["shape"])
    )
    frame = frame.astype({"flag": object})
    for name in ("x", "shape", "when", "flag"):
        frame.loc[generator.random(200) < 0.1, name] = None
    return frame.set_index(np.arange(200) * 3)


def test_a_frame_with_missing_values_and_texts_is_learnt(
    frame: pd.DataFrame, small_table: pd.DataFrame
) -> None:
    model = CodegenRegressor(**ONE_TRIAL).fit(frame, small_table["y"])
    assert model.score(frame, small_table["y"]) > 0.7
    assert list(model.feature_names_in_) == list(frame.columns)
    assert "make_model_and_optimizer" in model.source_
    assert model.run_path_ is None
    with pytest.raises(ValueError, match="unseen at fit time:\n- other"):
        model.predict(frame.rename(columns={"x": "other"}))
    with pytest.raises(ValueError, match="yet now missing:\n- x"):
        model.predict(frame.drop(columns="x"))
    with pytest.warns(UserWarning, match="valid feature names"):
        by_place = model.predict(frame.to_numpy(dtype=object))
    np.testing.assert_array_equal(by_place, model.predict(frame))


def test_classes_are_those_that_were_given(frame: pd.DataFrame, small_table: pd.DataFrame) -> None:
    y = np.where(small_table["y"] > 10, "10", "9")  # as texts, "10" comes first
    model = CodegenClassifier(**ONE_TRIAL).fit(frame, y)
    assert list(model.classes_) == ["10", "9"]
    probabilities = model.predict_proba(frame)
    assert probabilities.shape == (200, 2)
    assert list(model.predict(frame)) == list(model.classes_[probabilities.argmax(axis=1)])
    assert model.score(frame, y) > 0.8


@pytest.mark.slow
def test_it_stands_in_a_pipeline_a_grid_and_a_cross_validation(frame: pd.DataFrame) -> None:
    few = frame.iloc[:60].assign(y=np.arange(60) % 2)
    x, y = few[["x", "z", "shape"]], few["y"]
    pipeline = Pipeline([("all", FunctionTransformer()), ("model", CodegenClassifier(**ONE_TRIAL))])
    grid = GridSearchCV(pipeline, {"model__metric": ["log_loss", "accuracy"]}, cv=2).fit(x, y)
    assert grid.predict(x).shape == (60,)
    assert len(cross_val_score(CodegenRegressor(**ONE_TRIAL), x, few["z"], cv=2)) == 2


LOADS = """
import pickle, sys

happened = []

def hear(event, arguments):
    if event == "exec":
        happened.append(getattr(arguments[0], "co_filename", ""))
    if event in ("os.fork", "os.posix_spawn", "subprocess.Popen"):
        happened.append("a process")

sys.addaudithook(hear)
model = pickle.load(open("model.pkl", "rb"))
assert "a process" not in happened
predicted = model.predict([[0.0, 1.0], [2.0, 3.0]])
assert "a process" in happened
assert "candidate.py" not in happened
print(repr(predicted.tolist()))
"""


@pytest.mark.slow
def test_a_pickle_holds_the_model_and_loading_it_runs_nothing(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    model = CodegenRegressor(**ONE_TRIAL).fit(x, x[:, 0])
    before = model.predict([[0.0, 1.0], [2.0, 3.0]])
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    done = subprocess.run(
        [sys.executable, "-c", LOADS], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == repr(before.tolist())
    fresh = clone(model)
    assert not hasattr(fresh, "model_")
    assert fresh.author is not None


def test_a_run_is_kept_where_that_is_said(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    model = CodegenRegressor(**ONE_TRIAL, runs=tmp_path).fit(x, x[:, 0])
    assert model.run_path_ is not None
    run = Run.open(model.run_path_)
    assert run.history.final is not None
    assert run.history.final.validation_score == model.validation_score_
    shutil.rmtree(model.run_path_)
    assert model.predict(x).shape == (40,)


def test_few_rows_are_copied_and_that_is_said() -> None:
    x = np.arange(8.0).reshape(-1, 1)
    with pytest.warns(UserWarning, match="copies are made"):
        model = CodegenClassifier(**ONE_TRIAL).fit(x, [0, 0, 0, 0, 1, 1, 1, 2])
    assert list(model.classes_) == [0, 1, 2]
    assert model.validation_score_ is None
    assert model.test_score_ is None


def test_what_cannot_be_learnt_is_a_value_error() -> None:
    x = np.arange(30.0).reshape(-1, 1)
    with pytest.raises(ValueError, match="constant"):
        CodegenRegressor(**ONE_TRIAL).fit(x, np.ones(30))
    with pytest.raises(ValueError, match=r"y has 1 class, 1\.0: "):
        CodegenClassifier(**ONE_TRIAL).fit(x, np.ones(30))
    frame = pd.DataFrame({"x": np.arange(30.0)})
    with pytest.raises(ValueError, match="y contains NaN in 2 of 30 rows"):
        CodegenClassifier(**ONE_TRIAL).fit(frame, ["yes", None, "no"] * 2 + ["no"] * 24)
    with pytest.raises(ValueError, match=r"no metric 'best'\. Choose one of"):
        CodegenRegressor(**ONE_TRIAL, metric="best").fit(frame, x.ravel())
    with pytest.raises(ValueError, match="tuple of columns"):
        CodegenRegressor(**ONE_TRIAL, categorical="x").fit(frame, x.ravel())
    with pytest.raises(ValueError, match="same name"):
        CodegenRegressor(**ONE_TRIAL).fit(frame.assign(y=1.0).set_axis(["a", "a "], axis=1), x.ravel())


@pytest.mark.parametrize(
    ("choice", "says"),
    [({"n_trials": 0}, "trials is 0"), ({"n_trials": None}, "no end"), ({"usd": 1.0}, "price")],
)
def test_a_budget_that_cannot_be_kept_to_is_refused(choice: dict[str, Any], says: str) -> None:
    x = np.arange(30.0).reshape(-1, 1)
    with pytest.raises(ConfigError, match=says):
        CodegenRegressor(**ONE_TRIAL | choice).fit(x, x.ravel())


def test_one_that_is_not_fitted_says_so() -> None:
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(CodegenClassifier(**ONE_TRIAL), method)([[1.0]])


def test_the_package_offers_them() -> None:
    assert codegen_hpo.CodegenRegressor is CodegenRegressor
    assert codegen_hpo.CodegenClassifier is CodegenClassifier


def test_a_run_that_fails_stays_where_its_error_says(frame: pd.DataFrame, small_table: pd.DataFrame) -> None:
    broken = FixedAuthor("import os", "fixed", trusted=True)
    with pytest.raises(NoCandidateError) as caught:
        CodegenRegressor(**ONE_TRIAL | {"author": broken}).fit(frame, small_table["y"])
    assert caught.value.run is not None
    kept = Run.open(caught.value.run)
    assert len(kept.history.attempts) > 0
    shutil.rmtree(kept.path.parent)


def test_a_target_may_have_any_name(frame: pd.DataFrame, small_table: pd.DataFrame) -> None:
    model = CodegenRegressor(**ONE_TRIAL).fit(frame, small_table["y"].rename("self"))
    assert model.test_score_ is not None
