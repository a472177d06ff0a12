"""Runs whose every name and text tries to be markup, script or mathematics."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import NoCandidateError
from codegen_hpo.fitting import fit
from codegen_hpo.minimizing import minimize
from codegen_hpo.objective.base import Infeasible
from codegen_hpo.records import Call, Candidate, Check, Epoch, Job, Outcome, Trial
from codegen_hpo.run import Run
from codegen_hpo.space import Choice, Float
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.testing.sandboxes import ScriptedWorker

SCRIPT = "<script>window.planted=1</script>"
IMAGE = "<img src=x onerror=window.planted=2>"
QUOTED = '"><svg onload="window.planted=3">'
CLOSING = "</code></pre></text></svg></style></title><script>window.planted=4</script>"
MATHEMATICS = r"$\frac{$ {{ 7 * 7 }}"

SOURCE = f'''\
import torch
from torch import nn
from typing import Annotated


class Net(nn.Module):
    """{IMAGE}"""

    def __init__(self, n_numeric, cardinalities, n_outputs, width):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(count, 2) for count in cardinalities)
        inputs = n_numeric + 2 * len(cardinalities)
        self.layers = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, n_outputs))

    def forward(self, x_num, x_cat):
        parts = [x_num] + [table(x_cat[:, i]) for i, table in enumerate(self.tables)]
        return self.layers(torch.cat(parts, dim=1))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 4, 64, "log"] = 16,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2,
    max_epochs: Annotated[int, 1, 20] = 6,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """{SCRIPT} {CLOSING}

    Args:
        width: {QUOTED}
        learning_rate: Step size. {SCRIPT}
        max_epochs: Passes.
    """
    print("{SCRIPT}")  # {CLOSING}
    model = Net(n_numeric, cardinalities, n_outputs, width)
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
'''
BROKEN = SOURCE.replace("    *,\n", f"    *, '{QUOTED}' (\n").replace("nn.ReLU", "nn.SiLU")


class LineSandbox:
    """A sandbox whose models are lines: what they predict of a row rests on the row."""

    name = "lines"

    def open(self, bundle: Path) -> ScriptedWorker:
        return ScriptedWorker(partial(_outcome, bundle), [])


def _outcome(bundle: Path, job: Job) -> Outcome:
    if job.kind == "dry_run":
        checks = tuple(Check(dict(point), 10, "", "", None) for point in job.points)
        return Outcome(status="ok", checks=checks, seconds=0.01)
    x_num, x_cat = np.load(bundle / "eval_num.npy"), np.load(bundle / "eval_cat.npy")
    outputs = float(job.arguments["width"]) / 20 * x_num[:, :1] + (x_cat[:, :1] == 1)
    return Outcome(
        status="ok",
        outputs=outputs.astype(np.float32),
        weights=b"weights" if job.kind == "train" else None,
        curve=tuple(Epoch(number, 1 / number, 1 / number + 0.1, number / 10) for number in range(1, 6)),
        parameters=10,
        best_epoch=5,
        stopped="epochs",
        seconds=0.1,
    )


class HostileTuner:
    """Proposes a few calls, with reasons that are markup."""

    name = SCRIPT

    def __init__(self, candidate: Candidate) -> None:
        self._space = candidate.space
        self._told = 0

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        arguments = self._space.defaults() | {"width": 8 + self._told}
        return Call(
            arguments=arguments,
            proposed_by=f"llm{IMAGE}",
            reasoning=f"because {SCRIPT}",
            reasons={"width": CLOSING, "learning_rate": QUOTED},
        )

    def tell(self, trial: Trial) -> None:
        self._told += 1


def hostile_table() -> pd.DataFrame:
    """240 rows whose names and levels are hostile; columns for a regression and for two classes."""
    generator = np.random.default_rng(3)
    size, age = generator.normal(size=(2, 240)).round(3)
    kind = generator.choice([SCRIPT, IMAGE, MATHEMATICS, "日本語"], 240)
    begun = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 9e6, 240), unit="s")
    ended = begun + pd.to_timedelta(generator.integers(60, 9000, 240), unit="s")
    value = 20 + 5 * size - 3 * age + 4 * (kind == SCRIPT) + generator.normal(scale=0.5, size=240)
    return pd.DataFrame(
        {
            SCRIPT: size,
            MATHEMATICS: np.where(generator.random(240) < 0.1, np.nan, age),
            QUOTED: kind,
            "begun": begun,
            "ended": ended,
            "value" + IMAGE: value,
            "class" + CLOSING: np.where(value > 20, SCRIPT, QUOTED),
        }
    )


def hostile_run(
    runs: Path, target: str, other: str, texts: Sequence[str] = (BROKEN, SOURCE), folds: int = 1
) -> Run:
    """The run of one of its targets, with an attempt that failed."""
    task = Task.from_table(hostile_table(), target, drop=[other], about=SCRIPT)
    return fit(
        task,
        author=ScriptedAuthor(texts),
        sandbox=LineSandbox(),
        tuner=HostileTuner,
        budget=Budget(trials=3),
        folds=folds,
        parallel=1,
        reseed=0,
        runs=runs,
        environ={},
    )


@pytest.fixture(scope="session")
def lines() -> LineSandbox:
    return LineSandbox()


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return hostile_run(tmp_path_factory.mktemp("runs"), "value" + IMAGE, "class" + CLOSING)


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return hostile_run(tmp_path_factory.mktemp("runs"), "class" + CLOSING, "value" + IMAGE)


@pytest.fixture(scope="session")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return hostile_run(tmp_path_factory.mktemp("runs"), "value" + IMAGE, "class" + CLOSING, folds=2)


@pytest.fixture(scope="session")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose author writes the same broken text again and again."""
    with pytest.raises(NoCandidateError) as caught:
        hostile_run(tmp_path_factory.mktemp("runs"), "value" + IMAGE, "class" + CLOSING, [BROKEN] * 8)
    assert caught.value.run is not None
    return Run.open(caught.value.run)


@pytest.fixture(scope="session")
def objective(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of a function of the user's own: no table, no model; every fourth call fails."""

    def loss(arguments: dict[str, float]) -> float:
        if arguments["mode"] == SCRIPT and arguments["lr"] > 0.03:
            raise Infeasible(CLOSING)
        return (arguments["lr"] - 0.3) ** 2

    space = {"lr": Float(0.001, 1.0, log=True, description=QUOTED), "mode": Choice((SCRIPT, "b"))}
    path = tmp_path_factory.mktemp("objective") / "run"
    minimize(loss, space, tuner="random", trials=24, about=IMAGE, run=path)
    return Run.open(path)


@pytest.fixture(scope="session")
def pages(
    regression: Run, classes: Run, objective: Run, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The reports of these runs."""
    folder = tmp_path_factory.mktemp("reports")
    return {
        "regression": regression.report(folder / "r.html", sandbox=LineSandbox()),
        "classes": classes.report(folder / "c.html", permutation=False),
        "objective": objective.report(folder / "o.html"),
    }
