"""Gradient boosting on scikit-learn's diabetes table. Reads config.yaml, writes metrics.csv."""

import argparse
import csv

import lightgbm as lgb
import numpy as np
import yaml
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, train_test_split

FOLDS = 5
POINTS = 20  # of the learning curve


def load():
    """Development and test rows; the target is the progress of the disease after a year."""
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    return train_test_split(x, y, test_size=0.25, random_state=0)


def make_model(config):
    return lgb.LGBMRegressor(
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


def learning_curve(config, x, y):
    """(points, 2): R2 of training and held-out rows after each number of trees, averaged over the folds."""
    trees = np.unique(np.linspace(1, config["n_estimators"], POINTS).astype(int))
    scores = np.zeros((len(trees), 2))
    for train, held_out in KFold(FOLDS, shuffle=True, random_state=config["seed"]).split(x):
        model = make_model(config).fit(x.iloc[train], y.iloc[train])
        for place, number in enumerate(trees):
            for column, rows in enumerate((train, held_out)):
                predicted = model.predict(x.iloc[rows], num_iteration=number)
                scores[place, column] += r2_score(y.iloc[rows], predicted) / FOLDS
    return trees, scores


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="config.yaml")
    parser.add_argument("--test", action="store_true", help="score the test rows, too; not for tuning")
    options = parser.parse_args()
    with open(options.config) as file:
        config = yaml.safe_load(file)
    x, x_test, y, y_test = load()
    trees, scores = learning_curve(config, x, y)
    with open("metrics.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["iteration", "train_r2", "r2"])
        writer.writerows(zip(trees, *scores.T, strict=True))
    print(f"R2 of held-out rows {scores[-1, 1]:.4f}, of training rows {scores[-1, 0]:.4f}")
    if options.test:
        print(f"test R2 {r2_score(y_test, make_model(config).fit(x, y).predict(x_test)):.4f}")


if __name__ == "__main__":
    main()
