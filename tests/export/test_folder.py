"""The exported folder of an ensemble, run as a user runs it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save

from codegen_hpo.bundle import read_codec
from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.records import Check, Job, Outcome
from codegen_hpo.run import Run
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox

SOURCE = '''\
from typing import Annotated

import torch
from torch import nn


class One(nn.Module):
    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))

    def forward(self, x_num: torch.Tensor, x_cat: torch.Tensor) -> torch.Tensor:
        return self.value.expand(len(x_cat), 1)


def make_model_and_optimizer(
    n_outputs: int, *, learning_rate: Annotated[float, 1e-3, 1e-1] = 1e-2
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """One answer for all rows.

    Args:
        learning_rate: Step size.
    """
    model = One()
    cardinalities = None  # a local variable is no argument, whatever it is named
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate)
'''


def answer_of(job: Job) -> float:
    """What the job's model answers: above and below the truth, so that a mean is better."""
    rate = float(job.arguments["learning_rate"])
    return (1 + rate) * (1 if int(rate * 1e6) % 2 else -1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Six trials on a table without a number."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({name: generator.choice(["a", "b", "c"], 200) for name in ("shape", "colour")})
    frame["y"] = generator.normal(size=200)
    task = Task.from_table(frame, "y", kind="regression")

    def answer(job: Job) -> Outcome:
        if job.kind == "dry_run":
            return Outcome(status="ok", checks=tuple(Check(dict(p), 10, "", "", None) for p in job.points))
        rows = len(task.split.validation) + (2 * len(task.split.test) if job.kind == "predict" else 0)
        return Outcome(
            status="ok",
            outputs=np.full((rows, 1), answer_of(job), np.float32),
            weights=save({"value": torch.tensor([answer_of(job)])}) if job.kind == "train" else None,
            seconds=0.1,
        )

    return fit(
        task,
        author=ScriptedAuthor([SOURCE]),
        sandbox=ScriptedSandbox(answer),
        tuner="random",
        folds=1,
        parallel=1,
        budget=Budget(trials=6),
        runs=tmp_path_factory.mktemp("runs"),
        environ={},
    )


@pytest.mark.slow
@pytest.mark.parametrize("single", [False, True])
def test_a_folder_predicts_the_mean_of_its_members_also_without_a_numeric_column(
    run: Run, tmp_path: Path, single: bool
) -> None:
    members = run.model(single=single)
    assert (len(members) > 1) != single
    run.export(tmp_path / "model", single=single)
    pd.DataFrame({"shape": ["a", "b"], "colour": ["c", "z"]}).to_csv(tmp_path / "new.csv", index=False)
    done = subprocess.run(
        [sys.executable, "model/predict.py", "new.csv", "-o", "out.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    codec = read_codec(run.path / "bundle")
    values = [answer_of(Job(kind="predict", source="", arguments=t.call.arguments)) for t, _ in members]
    decoded = [float(codec.decode(np.full((1, 1), value, np.float32))[0]) for value in values]
    expected = np.average(decoded, weights=[weight for _, weight in members])
    assert pd.read_csv(tmp_path / "out.csv")["y"].to_numpy() == pytest.approx([expected] * 2, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "says"), [("shape\na\n", "no column 'colour':"), ("", "cannot read"), (None, "cannot read")]
)
def test_a_table_that_cannot_be_predicted_is_told_in_a_line(
    run: Run, tmp_path: Path, table: str | None, says: str
) -> None:
    run.export(tmp_path / "model", single=True)
    if table is not None:
        (tmp_path / "new.csv").write_text(table)
    without_torch = [sys.executable, "-c", "import command; command.main(None)", "../new.csv"]
    done = subprocess.run(without_torch, cwd=tmp_path / "model", capture_output=True, text=True, timeout=200)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


IN_PIECES = """
import pandas, predict, encoding.encoding
frame = pandas.DataFrame({"shape": list("abcabca"), "colour": list("ccbbaaz")})
whole = predict.predict(frame)
compute, rows = predict.compute, []
encoding.encoding.PIECE = 3
predict.compute = lambda run, model, piece: rows.append(len(piece.x_cat)) or compute(run, model, piece)
assert (predict.predict(frame) == whole).all() and len(whole) == 7
assert rows == [3, 3, 1], rows
assert predict.predict(frame.head(0)).shape == (0,)
"""


@pytest.mark.slow
def test_a_folder_predicts_a_long_table_piece_by_piece(run: Run, tmp_path: Path) -> None:
    run.export(tmp_path / "model", single=True)
    done = subprocess.run(
        [sys.executable, "-c", IN_PIECES], cwd=tmp_path / "model", capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
