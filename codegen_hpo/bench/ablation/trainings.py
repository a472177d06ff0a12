"""Trainings on one table, each scored on the sealed rows: nothing is chosen by their scores here."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from codegen_hpo.author.cookbook import RECIPES, CookbookAuthor
from codegen_hpo.bench.ablation.ingredients import Setup
from codegen_hpo.bench.peers.table import TARGET, PeerTable
from codegen_hpo.bundle import Bundle, write_bundle, write_features
from codegen_hpo.contract import read_candidate
from codegen_hpo.records import Job
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.scoring.metrics import score
from codegen_hpo.table.encoder import fit_encoding
from codegen_hpo.task import Task

_GRACE_S = 60.0


class Trained(NamedTuple):
    """What one training gave."""

    score: float | None  # the metric on the test rows
    seconds: float
    epochs: int  # of a search: trials
    stopped: str  # "patience", "epochs", "time" or "nan"; "searched"; the reason of a failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainings:
    """A table cut and encoded with one seed, and a worker that holds it."""

    task: Task
    bundle: Bundle
    worker: Worker
    seed: int
    threads: int
    train_s: float

    def run(self, setup: Setup) -> Trained:
        """One training of the setup."""
        author = CookbookAuthor(default_transform=self.bundle.default_transform)
        source = author.source(RECIPES.index(setup.recipe) + 1, self.task.kind, len(self.task.split.train))
        candidate = read_candidate(source, name="c01", author=author.name).candidate
        assert candidate is not None  # our own recipes pass the gates: their tests show it
        arguments = candidate.space.defaults() | dict(setup.changes)
        job = Job(
            kind="train",
            source=source,
            arguments=arguments,
            seed=self.seed,
            threads=self.threads,
            keep_weights=False,
            train_s=self.train_s,
            timeout_s=self.train_s + _GRACE_S,
        )
        began = time.monotonic()
        outcome = self.worker.run(job)
        seconds = round(time.monotonic() - began, 2)
        if outcome.status != "ok" or outcome.outputs is None:
            return Trained(None, seconds, 0, f"{outcome.status}: {outcome.error}"[:200])
        transform = str(arguments.get("target_transform", ""))
        predictions = self.bundle.codec.decode(outcome.outputs, transform)
        value = score(self.task.metric, self.task.labels[self.task.split.test], predictions)
        return Trained(value, seconds, len(outcome.curve), outcome.stopped)


@contextmanager
def open_trainings(table: PeerTable, *, seed: int, threads: int, train_s: float) -> Iterator[Trainings]:
    """Trainings on a prepared table; the seed cuts its rows to learn from and starts each training.

    Raises:
        SandboxError: no worker can be started.
    """
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        folder = Path(place)
        task = read_task(table, folder, seed)
        encoding = fit_encoding(task.frame.iloc[task.split.fitted], task.profile)
        bundle = write_bundle(folder / "bundle", task, encoding, seed)
        # the worker predicts the test rows in place of the validation rows, which choose nothing here
        test = encoding.transform(task.frame.iloc[task.split.test])
        write_features(bundle.folder, bundle.folder, test.x_num, test.x_cat)
        sandbox = choose_sandbox("none", trusted=True)
        with closing(sandbox.open(bundle.folder)) as worker:
            yield Trainings(
                task=task, bundle=bundle, worker=worker, seed=seed, threads=threads, train_s=train_s
            )


def read_task(table: PeerTable, folder: Path, seed: int) -> Task:
    """The task of the table's rows, cut with the seed.

    Args:
        folder: holds the test rows with their labels, which the host's side of a run wants.
    """
    return Task.from_table(
        table.folder / "train.csv",
        TARGET,
        kind=table.facts.kind,
        metric=table.facts.metric,
        test=_write_test(table, folder),
        seed=seed,
    )


def _write_test(table: PeerTable, folder: Path) -> Path:
    rows = pd.read_csv(table.folder / "test.csv", dtype=str, keep_default_na=False)
    rows.assign(**{TARGET: table.test_labels()}).to_csv(folder / "test.csv", index=False)
    return folder / "test.csv"
