"""Labels that no sandbox sees."""

from pathlib import Path

import numpy as np
import pandas as pd

from codegen_hpo.bundle import write_bundle
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.table.encoder import fit_encoding
from codegen_hpo.task import Task


def test_labels_follow_the_order_of_the_rows_to_predict(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=200)
    task = Task.from_table(pd.DataFrame({"x": x, "y": 10 * x}), "y")
    encoding = fit_encoding(task.frame.iloc[task.split.fitted], task.profile)
    held_out = HeldOut.of(task, [write_bundle(tmp_path / "bundle", task, encoding, 0)])
    features = np.load(tmp_path / "bundle" / "eval_num.npy")[:, 0].astype(float)
    assert np.corrcoef(features, held_out.validation_y)[0, 1] > 0.9999
    test = encoding.transform(task.frame.iloc[held_out.test_rows]).x_num[:, 0].astype(float)
    assert np.corrcoef(test, held_out.test_y)[0, 1] > 0.9999


def test_labels_are_read_back_as_they_were_saved(tmp_path: Path) -> None:
    held_out = HeldOut(
        validation_y=np.array([1.5, 2.5]),
        test_y=np.array([3.0]),
        validation_rows=np.array([4, 2]),
        test_rows=np.array([7]),
    )
    held_out.save(tmp_path / "labels")
    again = HeldOut.load(tmp_path / "labels")
    for name in ("validation_y", "test_y", "validation_rows", "test_rows"):
        before, after = getattr(held_out, name), getattr(again, name)
        assert before.dtype == after.dtype
        assert before.tolist() == after.tolist()
