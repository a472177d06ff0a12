"""A run whose sandbox and author are scripted: the engine, the tuner, the scoring and the store are real."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.records import Check, Epoch, Job, Outcome
from codegen_hpo.run import Run
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox

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
    n_numeric: int,
    n_outputs: int,
    *,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2,
    momentum: Annotated[float, 0.0, 0.99] = 0.9,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A linear model.

    Args:
        learning_rate: Step size.
        momentum: Share of the last step that is kept.
    """
    model = Line(n_numeric, n_outputs)
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum)
'''


@pytest.fixture
def source() -> str:
    return SOURCE


@pytest.fixture
def task(small_table: pd.DataFrame) -> Task:
    return Task.from_table(small_table, "y")


def outcomes(task: Task) -> Callable[[Job], Outcome]:
    """What a sandbox would return: better predictions the closer the learning rate is to 0.03."""

    def answer(job: Job) -> Outcome:
        if job.kind == "dry_run":
            checks = tuple(Check(dict(point), 10, "", "", None) for point in job.points)
            return Outcome(status="ok", checks=checks, seconds=0.01)
        # the winner's check predicts validation rows among the test rows, which come twice
        rows = len(task.split.validation) + (2 * len(task.split.test) if job.kind == "predict" else 0)
        off = abs(np.log(float(job.arguments["learning_rate"]) / 0.03))
        return Outcome(
            status="ok",
            outputs=np.full((rows, 1), off, np.float32),
            weights=b"weights" if job.kind == "train" else None,
            curve=(Epoch(1, 1.0, 2.0, 0.1),),
            parameters=10,
            best_epoch=1,
            stopped="epochs",
            seconds=0.1,
        )

    return answer


@pytest.fixture
def sandbox(task: Task) -> ScriptedSandbox:
    return ScriptedSandbox(outcomes(task))


@pytest.fixture
def start(task: Task, sandbox: ScriptedSandbox, tmp_path: Path) -> Callable[..., Run]:
    """Fits the task with doubles; keywords go to `fit`."""

    def run(**changes: object) -> Run:
        options: dict[str, object] = {
            "author": ScriptedAuthor([SOURCE] * 12),
            "sandbox": sandbox,
            "tuner": "tpe",
            "budget": Budget(trials=6),
            "runs": tmp_path / "runs",
            "parallel": 1,
            "folds": 1,
            "environ": {},
        }
        return fit(task, **options | changes)  # type: ignore[arg-type]

    return run
