"""A run as an ONNX graph."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.author.fixed import FixedAuthor
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.export.onnx_folder import agreement
from codegen_hpo.fitting import fit
from codegen_hpo.run import Run
from codegen_hpo.task import Task
from codegen_hpo.testing.forked import ForkedSandbox
from codegen_hpo.testing.networks import QUICKLY, SMALL_NETWORK

OUTPUT = "return self.line(x) + self.hidden(x)"
# parallel members whose logits are so far from zero that a sigmoid is zero
SURE_MEMBERS = SMALL_NETWORK.replace(
    OUTPUT, "y = 200 * (self.line(x) + self.hidden(x))\n        return torch.stack([y, y + 1], dim=1)"
)


def finished(frame: pd.DataFrame, runs: Path, source: str = SMALL_NETWORK) -> Run:
    return fit(
        Task.from_table(frame, "y"),
        budget=Budget(trials=2),
        runs=runs,
        environ={},
        **QUICKLY | {"author": FixedAuthor(source, "fixed", trusted=True), "folds": 2},
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_a_graph_predicts_what_the_run_does(small_table: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("onnxscript")
    frame = small_table.assign(y=np.exp(small_table["y"] / 5))
    names = {"binary": ["low", "high"], "multiclass": ["low", "middle", "high"]}.get(kind, [])
    if names:
        frame["y"] = pd.qcut(frame["y"], len(names), labels=names).astype(str)
    run = finished(frame, tmp_path / "runs", SURE_MEMBERS if kind == "binary" else SMALL_NETWORK)
    run.export_onnx(tmp_path / "model", sandbox=ForkedSandbox())
    new = frame.drop(columns="y").head(9)
    new.to_csv(tmp_path / "new.csv", index=False)
    options = ["-o", "out.csv", *(["--proba"] if names else [])]
    without_torch = "import runpy, sys; sys.modules['torch'] = None; "
    code = without_torch + "runpy.run_path('model/predict.py', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, "new.csv", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    expected = run.predict(new, proba=bool(names), sandbox=ForkedSandbox())
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.csv"), expected, rtol=1e-4, atol=1e-6)
    told = json.loads((tmp_path / "model" / "run.json").read_text())
    assert told["rows_compared"] == 40
    assert not list((tmp_path / "model").rglob("model.py"))


@pytest.mark.slow
def test_a_model_that_a_graph_cannot_hold_is_refused(small_table: pd.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    source = SMALL_NETWORK.replace(
        OUTPUT, f"x = x * (2.0 if float(x[0].sum()) > 1e9 else 1.0)\n        {OUTPUT}"
    )
    run = finished(small_table, tmp_path / "runs", source)
    with pytest.raises(ConfigError, match=r"ONNX: error: line \d+ of its code cannot be traced: x = x \*"):
        run.export_onnx(tmp_path / "model", sandbox=ForkedSandbox())
    assert not (tmp_path / "model").exists()


def test_predictions_that_are_apart_or_no_numbers_are_refused() -> None:
    known = np.array([1.0, 2.0, 4.0])
    assert agreement(known, known + 1e-6).difference == pytest.approx(1e-6)
    for wrong in (known + 0.1, known[:2], np.array([1.0, np.nan, 4.0])):
        with pytest.raises(ConfigError, match="does not predict"):
            agreement(known, wrong)
