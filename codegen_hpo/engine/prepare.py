"""The data of a run, made once: encoding, bundle, sealed test rows, labels, baselines."""

import hashlib
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from codegen_hpo.bundle import write_bundle, write_rows
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
        encoding = fit_encoding(task.frame, task.profile, task.split.fitted)
        bundle = write_bundle(folder.path / "bundle", task, encoding, seed)
        test = folder.path / "test"
        write_rows(test, bundle.folder, encoding, task.frame, bundle.test_rows)
        HeldOut.of(task, bundle).save(folder.path / "labels")
        folder.write_json("encoding.json", encoding.to_json())
        folder.write_json("task.json", task.to_json())
        give_back(len(task.frame))
        written()
        return {
            "bundle_hash": bundle_hash(bundle.folder),
            "table_hash": task.sha256,
            "versions": _versions(),
            "n_numeric": len(encoding.numeric_names),
            "n_categorical": len(encoding.categorical_names),
            "baselines": [asdict(row) for row in baselines(task, encoding, bundle, test, seed=seed)],
        }

    journal.once("prepared", "", write)
    give_back(len(task.frame))


def bundle_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of a bundle's files, hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    """Of what shapes a run's data and proposals on the host."""
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}
