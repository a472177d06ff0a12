"""The data of a run, made once: encoding, bundle, sealed test rows, labels, baselines."""

import hashlib
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from codegen_hpo.bundle import write_bundles, write_rows
from codegen_hpo.engine.journal import Journal
from codegen_hpo.scoring.baselines import baselines
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.table.encoder import fit_encoding
from codegen_hpo.table.memory import give_back
from codegen_hpo.task import Task

_LIBRARIES = ("codegen-hpo", "torch", "numpy", "pandas", "scikit-learn", "optuna", "openai")


def prepare(task: Task, seed: int, journal: Journal, written: Callable[[], None] = lambda: None) -> None:
    """Writes what is made from the table; after the event "prepared" the table is not needed again.

    The task of a resumed run holds no rows, and all of this is recorded by then.

    Args:
        written: called when all that a search needs is there, and the baselines come next.
    """
    folder = journal.folder

    def write() -> dict[str, Any]:
        # with folds, of all rows that are not test rows: it looks at no label
        fitted = task.split.free if task.split.folds else task.split.fitted
        encoding = fit_encoding(task.frame, task.profile, fitted)
        bundles = write_bundles(folder.path / "bundle", task, encoding, seed)
        test = folder.path / "test"
        write_rows(test, bundles[0].folder, encoding, task.frame, bundles[0].test_rows)
        HeldOut.of(task, bundles).save(folder.path / "labels")
        folder.write_json("encoding.json", encoding.to_json())
        folder.write_json("task.json", task.to_json())
        give_back(len(task.frame))
        written()
        return {
            "bundle_hash": bundle_hash(folder.path / "bundle"),
            "table_hash": task.sha256,
            "versions": _versions(),
            "n_numeric": len(encoding.numeric_names),
            "n_categorical": len(encoding.categorical_names),
            "baselines": [asdict(row) for row in baselines(task, encoding, bundles, test, seed=seed)],
        }

    journal.once("prepared", "", write)
    give_back(len(task.frame))


def bundle_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of the files of all bundles in the folder, hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    """Of what shapes a run's data and proposals on the host."""
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}
