"""Questions about the run of a table: its candidates, the source that failed, what is kept from models."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.assistant.answer import answer
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.fitting import fit
from codegen_hpo.records import Check, Epoch, Job, Outcome
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox, replies
from codegen_hpo.testing.replies import Scripted
from codegen_hpo.testing.strategies import answered_by

SOURCE = '''\
"""A line."""

from typing import Annotated

import torch
from torch import nn


class Line(nn.Module):
    def __init__(self, n_numeric: int, n_outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_numeric, n_outputs)

    def forward(self, x_num: torch.Tensor, x_cat: torch.Tensor) -> torch.Tensor:
        return self.layer(x_num)


def make_model_and_optimizer(
    n_numeric: int, n_outputs: int, *, learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A linear model.

    Args:
        learning_rate: Step size.
    """
    model = Line(n_numeric, n_outputs)
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate)
'''


@pytest.fixture
def fitted(small_table: pd.DataFrame, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Runs of three trials of one function, the second of which ends in NaN at line 14."""
    task = Task.from_table(small_table.rename(columns={"x": "salary_eur"}), "y")

    def outcome(job: Job) -> Outcome:
        if job.kind == "dry_run":
            return Outcome(status="ok", checks=tuple(Check(dict(p), 10, "", "", None) for p in job.points))
        outcome.trained += job.kind == "train"  # type: ignore[attr-defined]
        if job.kind == "train" and outcome.trained == 2:  # type: ignore[attr-defined]
            curve = (Epoch(1, 1.5, 2.0, 0.1), Epoch(2, float("nan"), float("nan"), 0.2))
            return Outcome(status="nan", stage="step", error="the loss is NaN", line=14, curve=curve)
        rows = len(task.split.validation) + (2 * len(task.split.test) if job.kind == "predict" else 0)
        weights = b"weights" if job.kind == "train" else None
        outputs = np.zeros((rows, 1), np.float32)
        return Outcome(status="ok", outputs=outputs, weights=weights, curve=(Epoch(1, 1.0, 2.0, 0.1),))

    outcome.trained = 0  # type: ignore[attr-defined]

    def run(**options: Any) -> Path:
        return fit(
            task,
            author=ScriptedAuthor([SOURCE]),
            sandbox=ScriptedSandbox(outcome),
            tuner="random",
            budget=Budget(trials=3),
            folds=1,
            parallel=1,
            runs=tmp_path / "runs",
            environ={},
            **options,
        ).path

    return run


def reader(request: Mapping[str, Any]) -> Scripted:
    """A model that finds the failed trial in what it is shown, reads what there is of it, and tells."""
    told = "\n".join(message["content"] for message in request["messages"])
    failed = re.search(r"^(t\d+) \[event \d+\].*failed \(nan in step\)", told, re.MULTILINE)
    assert failed, told
    for part, sign in (("facts", "where it failed:"), ("curve", "2: nan"), ("source", "14 |     ")):
        if sign not in told:
            return replies.call({"trial": failed[1], "part": part, "from_line": 0}, name="read_trial")
    text = f"{failed[1]} became NaN in epoch 2."
    return replies.call({"text": text, "trials": [failed[1]], "events": [], "certain": True}, name="answer")


def test_a_failed_trial_is_explained_from_its_error_curve_and_source(fitted) -> None:  # type: ignore[no-untyped-def]
    found = answer(fitted(), "why did a trial give NaN?", answered_by(reader))
    assert found.text == "t002 became NaN in epoch 2."
    assert found.unknown == ()
    assert "failed (nan in step)" in found.trials[0].facts


class Listening:
    """A model that answers at once, and keeps what it was told."""

    def __init__(self) -> None:
        self.told = ""

    def __call__(self, request: Mapping[str, Any]) -> Scripted:
        self.told = "\n".join(message["content"] for message in request["messages"])
        return replies.call({"text": "No.", "trials": [], "events": [], "certain": False}, name="answer")


def test_the_digest_of_a_table_has_its_card_candidates_baselines_and_winner(fitted) -> None:  # type: ignore[no-untyped-def]
    model = Listening()
    answer(fitted(), "?", answered_by(model))
    for part in (
        "salary_eur",
        'c01, written by "',
        "1 attempts",
        '"learning_rate": float',
        "# Baselines",
        "# The winner",
    ):
        assert part in model.told, part


def test_a_private_run_names_no_column_to_the_model(fitted) -> None:  # type: ignore[no-untyped-def]
    model = Listening()
    answer(fitted(private=True), "?", answered_by(model))
    assert "salary_eur" not in model.told
    assert "c1" in model.told


def test_a_run_without_any_data_yet_says_so_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    folder = RunFolder.at(tmp_path / "new")
    model = Listening()
    assert answer(folder.path, "?", answered_by(model)).text == "No."
    assert "stopped before its data were prepared" in model.told
    (folder.path / "events.jsonl").write_text("nonsense\n")
    with pytest.raises(ConfigError, match="not an event"):
        answer(folder.path, "?", answered_by(model))
    with pytest.raises(ConfigError, match="is not a run directory"):
        answer(tmp_path, "?", answered_by(model))
