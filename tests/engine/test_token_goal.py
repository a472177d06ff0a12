"""A whole run on a real table, with a server that counts no tokens: what the ledger says it cost."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codegen_hpo.author.cookbook import CookbookAuthor
from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.records import Check, Epoch, Job, Outcome
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedSandbox, ScriptedServer
from codegen_hpo.testing.brain import drawing_brain


@pytest.mark.slow
def test_ten_trials_on_the_taxi_table_take_at_most_fifteen_thousand_tokens(
    real_table: Callable[[str], Path], tmp_path: Path
) -> None:
    task = Task.from_table(real_table("taxis.csv"), "fare", drop=("total", "tip", "tolls"))
    brain = drawing_brain(CookbookAuthor().source(3, "regression"))

    def answer(job: Job) -> Outcome:
        if job.kind == "dry_run":
            checks = tuple(Check(dict(point), 90_000, "", "", None, 1e-5) for point in job.points)
            return Outcome(status="ok", checks=checks)
        rows = len(task.split.validation) + (2 * len(task.split.test) if job.kind == "predict" else 0)
        epochs = tuple(Epoch(n, 1 / n, 40 + 30 / n, 0.2 * n) for n in range(1, 41))
        return Outcome(
            status="ok",
            outputs=np.full((rows, 1), float(job.arguments["learning_rate"]), np.float32),
            weights=b"weights",
            curve=epochs,
            parameters=90_000,
            best_epoch=24,
            stopped="patience",
            seconds=8.0,
        )

    with ScriptedServer(lambda body: brain(body).with_(counts_tokens=False)) as server:
        run = fit(
            task,
            model="m",
            base_url=server.base_url,
            sandbox=ScriptedSandbox(answer),
            budget=Budget(trials=10),
            folds=1,
            reseed=0,
            runs=tmp_path,
            environ={},
        )
    ledger = run.ledger
    assert ledger.total.requests == ledger.total.estimated == len(server.requests) == 10
    assert ledger.total.tokens <= 15_000
