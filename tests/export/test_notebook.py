"""A run as a notebook."""

import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from codegen_hpo.author.fixed import FixedAuthor
from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.run import Run
from codegen_hpo.task import Task
from codegen_hpo.testing.forked import ForkedSandbox
from codegen_hpo.testing.networks import SMALL_NETWORK

HOSTILE = "y` <img src=x onerror=alert(1)> **"


@pytest.fixture(scope="module")
def run(small_table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(
        Task.from_table(small_table.rename(columns={"y": HOSTILE}), HOSTILE),
        author=FixedAuthor(SMALL_NETWORK, "fixed", trusted=True),
        sandbox=ForkedSandbox(),
        tuner="random",
        folds=1,
        parallel=1,
        threads=1,
        device="cpu",
        reseed=0,
        budget=Budget(trials=3),
        runs=tmp_path_factory.mktemp("runs"),
        environ={},
    )


def test_a_notebook_holds_the_code_and_no_markup_of_the_data(run: Run, tmp_path: Path) -> None:
    run.export_notebook(tmp_path / "model")
    notebook = nbformat.read(tmp_path / "model" / "model.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(SMALL_NETWORK.rstrip() in source for source in code) == 1
    assert "<img" not in "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    told = json.loads((tmp_path / "model" / "history.json").read_text())
    assert [trial["number"] for trial in told["trials"]] == [1, 2, 3]
    assert str(run.path.parent) not in (tmp_path / "model" / "model.ipynb").read_text()


@pytest.mark.slow
def test_a_notebook_runs_and_predicts(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run.export_notebook(tmp_path / "model")
    notebook = nbformat.read(tmp_path / "model" / "model.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": tmp_path / "model"}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert "predicted" in outputs[-1]["data"]["text/plain"]
