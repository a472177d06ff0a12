"""Gradient boosting on scikit-learn's breast cancer table. Reads config.json, writes metrics.json."""

import argparse
import json

import lightgbm as lgb
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split

FOLDS = 5
POINTS = 20  # of the learning curve


def load():
    """Development and test rows; class 1 is a malignant tumour."""
    data = load_breast_cancer(as_frame=True)
    malignant = 1 - data.target
    return train_test_split(data.data, malignant, test_size=0.25, stratify=malignant, random_state=0)


def make_model(config):
    return lgb.LGBMClassifier(
        max_depth=config["max_depth"],
        num_leaves=2 ** config["max_depth"],  # the depth alone bounds a tree
        learning_rate=config["learning_rate"],
        min_child_weight=config["min_child_weight"],
        min_child_samples=1,
        subsample=config["subsample"],
        subsample_freq=1,
        colsample_bytree=config["colsample_bytree"],
        n_estimators=config["n_estimators"],
        min_split_gain=config["gamma"],
        reg_alpha=config["reg_alpha"],
        reg_lambda=config["reg_lambda"],
        scale_pos_weight=config["scale_pos_weight"],
        random_state=config["seed"],
        deterministic=True,
        n_jobs=1,  # for a few hundred rows one thread is the fastest
        verbose=-1,
    )


def cross_validate(config, x, y):
    """F1 on each held-out fold, and the mean log loss there after each number of trees."""
    scores, courses = [], []
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=config["seed"])
    trees = np.unique(np.linspace(1, config["n_estimators"], POINTS).astype(int)).tolist()
    for fold, (train, held_out) in enumerate(splitter.split(x, y), 1):
        model = make_model(config).fit(x.iloc[train], y.iloc[train])
        rows, truth = x.iloc[held_out], y.iloc[held_out]
        courses.append([log_loss(truth, model.predict_proba(rows, num_iteration=n)) for n in trees])
        scores.append(f1_score(truth, model.predict(rows)))
        print(f"fold {fold}: F1 {scores[-1]:.4f}, log loss {courses[-1][-1]:.4f}", flush=True)
    return scores, {"iteration": trees, "val_log_loss": np.mean(courses, axis=0).tolist()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="config.json")
    parser.add_argument("--test", action="store_true", help="score the test rows, too; not for tuning")
    options = parser.parse_args()
    with open(options.config) as file:
        config = json.load(file)
    x, x_test, y, y_test = load()
    scores, curve = cross_validate(config, x, y)
    with open("metrics.json", "w") as file:
        json.dump({"f1": float(np.mean(scores)), **curve}, file)
    print(f"mean F1 {np.mean(scores):.4f}")
    if options.test:
        print(f"test F1 {f1_score(y_test, make_model(config).fit(x, y).predict(x_test)):.4f}")


if __name__ == "__main__":
    main()
