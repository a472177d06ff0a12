"""The main job through the real client: every kind of fault in turn, answered, and a model at the end."""

import json
from pathlib import Path

import pandas as pd
import pytest

from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedServer, replies

GOOD = '''\
from typing import Annotated, Literal

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, n_numeric: int, cardinalities: list[int], n_outputs: int, width: int, dropout: float):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(count, 4) for count in cardinalities)
        inputs = n_numeric + 4 * len(cardinalities)
        self.layers = nn.Sequential(
            nn.Linear(inputs, width), nn.SiLU(), nn.Dropout(dropout), nn.Linear(width, n_outputs)
        )

    def forward(self, x_num: torch.Tensor, x_cat: torch.Tensor) -> torch.Tensor:
        parts = [x_num] + [table(x_cat[:, i]) for i, table in enumerate(self.embeddings)]
        return self.layers(torch.cat(parts, dim=1))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 8, 256, "log"] = 64,
    dropout: Annotated[float, 0.0, 0.5] = 0.0,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2,
    loss: Literal["mse", "mae", "huber"] = "mse",
    batch_size: Annotated[int, 16, 256, "log"] = 32,
    max_epochs: Annotated[int, 1, 60] = 20,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """One hidden layer over numbers and embedded categories.

    Args:
        width: Units of the hidden layer.
        dropout: Share of units dropped in training.
        learning_rate: Step size of Adam.
        loss: What is minimised.
        batch_size: Rows a step.
        max_epochs: Passes over the rows.
    """
    model = Net(n_numeric, cardinalities, n_outputs, width, dropout)
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
'''
SYNTAX_ERROR = GOOD.replace("dropout: float):\n", "dropout: float)\n")
FORBIDDEN_IMPORT = "import subprocess\n" + GOOD
WRONG_SIGNATURE = GOOD.replace("n_outputs: int,\n    *,", "n_targets: int,\n    *,").replace(
    "Net(n_numeric, cardinalities, n_outputs,", "Net(n_numeric, cardinalities, n_targets,"
)
SHAPE_ERROR = GOOD.replace("inputs = n_numeric + 4 *", "inputs = n_numeric + 5 *")

GOOD_CALL = {
    "width": 128,
    "dropout": 0.1,
    "learning_rate": 0.02,
    "loss": "huber",
    "batch_size": 32,
    "max_epochs": 20,
}
SCRIPT = [
    replies.text("A network with one hidden layer would suit this table well."),
    replies.code(SYNTAX_ERROR),
    replies.code(FORBIDDEN_IMPORT),
    replies.code(WRONG_SIGNATURE),
    replies.code(SHAPE_ERROR),
    replies.code(GOOD),
    replies.call(GOOD_CALL | {"width": 4096}),
    replies.call(GOOD_CALL | {"depth": 3}),
    replies.call(GOOD_CALL),
    replies.call(GOOD_CALL),  # a duplicate
    replies.call(GOOD_CALL | {"width": 32, "learning_rate": 0.005}),
]


def _run_with_faults(cli, table: Path, sandbox: str, *more: str) -> Run:  # type: ignore[no-untyped-def]
    with ScriptedServer(SCRIPT, strict=True) as server:
        done = cli(
            "fit",
            table,
            "--target",
            "y",
            "--model",
            "scripted",
            "--trials",
            "3",
            "--sandbox",
            sandbox,
            "--folds",
            "1",
            "--json",
            *more,
            env={"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-secret-of-the-test"},
        )
        assert server.left == 0, "every scripted reply was asked for"
    result = json.loads(done.stdout)
    assert result["ledger"]["requests"] == len(SCRIPT)
    return Run.open(table.parent / result["run"])


@pytest.fixture
def table(small_table: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "shapes.csv"
    small_table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("sandbox", "more"),
    [("none", ("--unsafe-no-sandbox",)), pytest.param("docker", (), marks=pytest.mark.docker)],
)
def test_every_fault_is_answered_and_kept_and_the_run_ends_with_a_model(
    cli, table: Path, sandbox: str, more
) -> None:  # type: ignore[no-untyped-def]
    run = _run_with_faults(cli, table, sandbox, *more)
    history = run.history
    assert [attempt.findings[0].gate if attempt.findings else "" for attempt in history.attempts] == [
        "reply",
        "syntax",
        "rules",
        "signature",
        "dry-run",
        "",
    ]
    exchanges = [run.folder.read_json(event.data["file"]) for event in run.folder.of_kind("reply")]
    asked = ["\n".join(m["content"] for m in e["request"]["messages"]) for e in exchanges]
    assert "subprocess" in asked[3]
    assert "n_targets" in asked[4]
    assert "mat1 and mat2" in asked[5]
    assert "4096" in asked[7]
    assert "depth" in asked[8]
    assert "last" in asked[-1]
    assert [t.call.proposed_by.partition(":")[0] for t in history.trials] == ["default", "llm", "llm"]
    assert [t.outcome.status for t in history.trials] == ["ok"] * 3
    assert history.final is not None
    assert history.final.test_score is not None
    constant = next(b for b in history.baselines if b.name == "mean")
    assert history.final.test_score < (constant.test_score or 0) / 3
    kept = b"".join(path.read_bytes() for path in run.path.rglob("*") if path.is_file())
    assert b"sk-secret-of-the-test" not in kept
    assert str(table.parent).encode() not in kept


@pytest.mark.slow
def test_code_of_a_model_is_not_run_without_a_sandbox_unless_it_is_asked_for(cli, table: Path) -> None:  # type: ignore[no-untyped-def]
    with ScriptedServer([replies.code(GOOD)]) as server:
        options = ("--model", "scripted", "--base-url", server.base_url, "--sandbox", "none")
        done = cli("fit", table, "--target", "y", *options, code=5)
        assert not server.requests, "nothing may be paid for before the sandbox is settled"
    assert "--unsafe-no-sandbox" in done.stderr
