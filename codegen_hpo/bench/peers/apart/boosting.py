"""Gradient boosting of three libraries: a fit, and the space in which it is tuned.

A fit without held-out rows has the library's own defaults but for the arguments that are given; one with
held-out rows stops its rounds by them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .job import Job, Model, predictor

ROUNDS, STOPPING = 2000, 50  # with held-out rows: the most, and those without progress
MOST_LEVELS = 254  # categories beyond are plain numbers to scikit-learn's boosting


def _lightgbm(job: Job, arguments: dict[str, Any], x: Any, y: Any, held: Any) -> Model:
    import lightgbm as lgb

    known: dict[str, Any] = {"random_state": job.seed, "n_jobs": job.threads, "verbosity": -1}
    make = lgb.LGBMRegressor if job.kind == "regression" else lgb.LGBMClassifier
    model = make(**known | arguments)
    if held:
        model.set_params(n_estimators=ROUNDS)
        model.fit(x, y, eval_set=[held], callbacks=[lgb.early_stopping(STOPPING, verbose=False)])
    else:
        model.fit(x, y)
    return Model(predictor(job, model), int(model.best_iteration_ or model.n_estimators))


def _lightgbm_space(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 8, 256, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 2, 100, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.5, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "subsample_freq": 1,
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 10.0, log=True),
    }


def _catboost(job: Job, arguments: dict[str, Any], x: Any, y: Any, held: Any) -> Model:
    import catboost as cb

    categories = [name for name in x.columns if x[name].dtype.name == "category"]

    def plain(rows: Any) -> Any:
        texts = {name: rows[name].astype(object).where(rows[name].notna(), "missing") for name in categories}
        return rows.assign(**texts)

    make = cb.CatBoostRegressor if job.kind == "regression" else cb.CatBoostClassifier
    known: dict[str, Any] = {"random_seed": job.seed, "thread_count": job.threads, "verbose": False}
    known |= {"allow_writing_files": False, "cat_features": categories}
    if held:
        model = make(**known | {"iterations": ROUNDS} | arguments)
        model.fit(plain(x), y, eval_set=(plain(held[0]), held[1]), early_stopping_rounds=STOPPING)
    else:
        model = make(**known | arguments).fit(plain(x), y)
    predict = predictor(job, model)
    return Model(lambda rows: predict(plain(rows)), int(model.tree_count_))


def _catboost_space(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "depth": trial.suggest_int("depth", 4, 9),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 1.0, 10.0, log=True),
        "random_strength": trial.suggest_float("random_strength", 0.5, 5.0, log=True),
        "bagging_temperature": trial.suggest_float("bagging_temperature", 0.0, 1.0),
    }


def _histogram(job: Job, arguments: dict[str, Any], x: Any, y: Any, held: Any) -> Model:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    wide = [n for n in x if x[n].dtype.name == "category" and len(x[n].cat.categories) > MOST_LEVELS]

    def plain(rows: Any) -> Any:
        return rows.assign(**{n: rows[n].cat.codes.where(rows[n].notna()).astype("float") for n in wide})

    regression = job.kind == "regression"
    make = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    known: dict[str, Any] = {"random_state": job.seed, "categorical_features": "from_dtype"}
    if held:
        known |= {"early_stopping": True, "max_iter": ROUNDS, "n_iter_no_change": STOPPING}
        model = make(**known | arguments).fit(plain(x), y, X_val=plain(held[0]), y_val=held[1])
    else:
        model = make(**known | arguments).fit(plain(x), y)
    predict = predictor(job, model)
    # the library keeps the rounds without progress; a score stands before the first round, too
    rounds = max(1, int(model.validation_score_.argmax())) if held else int(model.n_iter_)
    return Model(lambda rows: predict(plain(rows)), rounds)


def _histogram_space(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 8, 256, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, 100, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 10.0, log=True),
        "max_features": trial.suggest_float("max_features", 0.5, 1.0),
    }


class Boosting(NamedTuple):
    fit: Callable[[Job, dict[str, Any], Any, Any, Any], Model]
    space: Callable[[Any], dict[str, Any]]
    rounds: str  # the argument that sets the number of rounds


BY_NAME = {
    "lightgbm": Boosting(_lightgbm, _lightgbm_space, "n_estimators"),
    "catboost": Boosting(_catboost, _catboost_space, "iterations"),
    "sklearn": Boosting(_histogram, _histogram_space, "max_iter"),
}
