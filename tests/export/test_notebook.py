"""A run as a notebook."""

import json
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from codegen_hpo.engine.settings import Budget
from codegen_hpo.export.notebook import export_notebook
from codegen_hpo.fitting import fit
from codegen_hpo.predict import predict
from codegen_hpo.records import Member
from codegen_hpo.run import Run
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.testing.forked import ForkedSandbox
from codegen_hpo.testing.networks import QUICKLY, SMALL_NETWORK

# the same names, and weights of the same shapes
BOUNDED_NETWORK = SMALL_NETWORK.replace("nn.ReLU()", "nn.Tanh()")
HOSTILE = "y` <img src=x onerror=alert(1)> **"


@pytest.fixture(scope="module")
def run(small_table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(
        Task.from_table(small_table.rename(columns={"y": HOSTILE}), HOSTILE),
        candidates=2,
        budget=Budget(trials=4),
        runs=tmp_path_factory.mktemp("runs"),
        environ={},
        **QUICKLY | {"author": ScriptedAuthor([SMALL_NETWORK, BOUNDED_NETWORK])},
    )


def test_a_notebook_holds_the_code_and_no_markup_of_the_data(run: Run, tmp_path: Path) -> None:
    run.export_notebook(tmp_path / "model")
    notebook = nbformat.read(tmp_path / "model" / "model.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    functions = {member.trial.candidate for member in run.model()}
    assert sum("def make_model_and_optimizer(" in source for source in code) == len(functions)
    assert "<img" not in "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    told = json.loads((tmp_path / "model" / "history.json").read_text())
    assert [trial["number"] for trial in told["trials"]] == [1, 2, 3, 4]
    assert str(run.path.parent) not in (tmp_path / "model" / "model.ipynb").read_text()


@pytest.mark.slow
def test_a_notebook_predicts_what_the_run_does_with_two_functions_of_the_same_names(
    run: Run, small_table: pd.DataFrame, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    history = run.history
    firsts = {trial.candidate: trial for trial in history.trials}
    members = tuple(Member(trial, 0.5) for trial in firsts.values())
    assert len(members) == 2
    export_notebook(run.folder, history, members, tmp_path / "model")
    rows = small_table.rename(columns={"y": HOSTILE}).head(20)
    rows.to_csv(tmp_path / "model" / "rows.csv", index=False)
    path = tmp_path / "model" / "model.ipynb"
    path.write_text(path.read_text().replace("DATA = None", "DATA = 'rows.csv'"))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("print(*predicted.iloc[:, 0])"))
    NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert "predicted" in outputs[-2]["data"]["text/plain"]
    found = [float(value) for value in outputs[-1]["text"].split()]
    expected = predict(run.folder, members, rows, ForkedSandbox())
    assert found == pytest.approx(expected.iloc[:, 0].to_list(), rel=1e-5)
