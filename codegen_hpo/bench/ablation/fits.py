"""Whole searches on one table: what the harness adds to the shipped functions after their trainings."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from codegen_hpo.bench.ablation.ingredients import FIT, NO_RESEED, SINGLE, Setup
from codegen_hpo.bench.ablation.trainings import Trained, read_task
from codegen_hpo.bench.peers.table import PeerTable
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import NoModelError
from codegen_hpo.fitting import fit


def run_fit(
    table: PeerTable, setup: Setup, *, seed: int, seconds: float, threads: int
) -> Mapping[str, Trained]:
    """What a search of so many seconds gives, by setup: one search shows the ensemble and its best trial.

    As many trials run at once as there are threads.
    """
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        folder = Path(place)
        task = read_task(table, folder, seed)
        began = time.monotonic()
        try:
            run = fit(
                task,
                cookbook=True,
                tuner="tpe",
                reseed=0 if setup == NO_RESEED else 3,
                budget=Budget(trials=None, seconds=seconds),
                parallel=threads,
                threads=1,
                seed=seed,
                runs=folder / "runs",
                environ={},
            )
        except NoModelError as error:
            return {setup.name: Trained(None, round(time.monotonic() - began, 2), 0, str(error)[:200])}
        took = round(time.monotonic() - began, 2)
        history = run.history
        final, trials = history.final, len(history.trials)
    assert final is not None  # a search that ends has a model, or raises
    results = {setup.name: Trained(final.test_score, took, trials, "searched")}
    if setup == FIT:
        results[SINGLE.name] = Trained(final.single_test_score, took, trials, "searched")
    return results
