"""Runs arms on tables within time limits: each in a fresh process, none twice."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.peers.apart.job import Job
from codegen_hpo.bench.peers.arms import OWN, arguments, check_arms, environment, missing
from codegen_hpo.bench.peers.results import SUITE, Cell, read_cell, write_cell
from codegen_hpo.bench.peers.table import TARGET, PeerTable
from codegen_hpo.scoring.metrics import score

_MOST_TIMES, _GRACE_S = 3.0, 120.0  # an arm is killed after so many times its limit and so many seconds
_ERROR_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all arms have alike, and where the peers live."""

    threads: int = 2
    seed: int = 0
    peer_python: str
    versions: Mapping[str, str]  # of the peers' packages there, by module


def run_peers(
    tables: Sequence[PeerTable],
    arms: Sequence[str],
    limits: Sequence[float],
    folder: Path,
    conditions: Conditions,
    *,
    command: str = "",
) -> Iterator[Cell]:
    """The cells, those from before and those that are measured now; the shortest limit first.

    An arm whose package was not installed is tried again, one that failed is not.

    Raises:
        ConfigError: an arm's name is none, or the folder holds another benchmark.
    """
    check_arms(tuple(arms))
    facts = {"threads": conditions.threads, "seed": conditions.seed}
    BenchFolder(folder).agree(SUITE, facts, command)
    for limit_s, table, arm in product(sorted(limits), tables, arms):
        cell = Cell(arm=arm, table=table.facts.name, limit_s=limit_s, status="not installed")
        known = read_cell(folder, cell)
        if known is None or known.status == "not installed":
            lacking = missing(arm, conditions.versions)
            cell = (
                replace(cell, error=f"no {', '.join(lacking)}")
                if lacking
                else _measure(cell, table, conditions)
            )
            write_cell(folder, cell)
        else:
            cell = known
        yield cell


def _measure(cell: Cell, table: PeerTable, conditions: Conditions) -> Cell:
    """The cell with what the arm's process gave."""
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        job = Job(
            arm=cell.arm,
            train=str(table.folder.absolute() / "train.csv"),
            test=str(table.folder.absolute() / "test.csv"),
            target=TARGET,
            kind=table.facts.kind,
            classes=table.facts.classes,
            metric=table.facts.metric,
            seconds=cell.limit_s,
            threads=conditions.threads,
            seed=conditions.seed,
            folder=place,
        )
        (folder / "job.json").write_text(json.dumps(job._asdict()), "utf-8")
        began = time.monotonic()
        error, killed = _run(cell, folder, conditions)
        cell = replace(cell, seconds=round(time.monotonic() - began, 1))
        if error or killed:
            return replace(cell, status="killed" if killed else "failed", error=error)
        done = json.loads((folder / "done.json").read_text("utf-8"))
        value = _score(table, folder / "predictions.csv")
    if value is None:
        return replace(cell, status="failed", error=f"the predictions give no finite {table.facts.metric}")
    return replace(cell, status="ok", score=value, note=done["note"], versions=done["versions"])


def _run(cell: Cell, folder: Path, conditions: Conditions) -> tuple[str, bool]:
    """Why the process failed, empty if it did not, and whether it was killed for its time."""
    command = arguments(cell.arm, folder / "job.json", conditions.peer_python)
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(conditions.threads, own=cell.arm == OWN),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(_MOST_TIMES * cell.limit_s + _GRACE_S)
        except subprocess.TimeoutExpired:
            return "it did not end", True
        finally:
            _end(process)
    return ("" if code == 0 else _last(log)), False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends whatever the process left running: its session holds nothing else."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    return (lines[-1] if lines else "it said nothing")[:_ERROR_CHARACTERS]


def _score(table: PeerTable, predictions: Path) -> float | None:
    """The metric of a file of predictions: one column of values, or a column a class in the codes' order."""
    values = pd.read_csv(predictions)
    if table.facts.classes:
        values = values[[str(code) for code in range(table.facts.classes)]]
    numbers = values.to_numpy(dtype=np.float64)
    labels = table.test_labels()
    if len(numbers) != len(labels):
        return None
    return score(table.metric, labels, numbers if table.facts.classes else numbers[:, 0])
