"""Predictions for new rows: a run's encoding and weights, executed in a sandbox."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from codegen_hpo.bundle import bundle_folders, write_features
from codegen_hpo.engine.outputs import models_of
from codegen_hpo.engine.prediction import predict_members
from codegen_hpo.errors import DataError, NoModelError, reading
from codegen_hpo.records import Member, Trial
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import History, read_task
from codegen_hpo.table.encoding import Encoding
from codegen_hpo.table.names import did_you_mean


def winner(history: History) -> Trial:
    """The best trial: the one that was scored on the test rows, else the best so far. Raises NoModelError."""
    final = history.final
    trial = history.trial(final.trial) if final else history.best()
    if trial is None:
        raise NoModelError(
            f"{history.name} has no usable model: none of its {len(history.trials)} trials succeeded",
            hint=f"codegen-hpo show {history.name} --trials tells how each ended",
        )
    return trial


def model_of(history: History, *, single: bool = False) -> tuple[Member, ...]:
    """The members of the model that is used, the heaviest first. Raises NoModelError.

    Before a run has its final model, or with `single`, that is the best trial alone.
    """
    if single or history.final is None:
        return (Member(winner(history), 1.0),)
    known = {trial.name: trial for trial in history.trials}
    return tuple(Member(known[name], weight) for name, weight in history.final.members.items())


def predict(
    folder: RunFolder,
    members: Sequence[Member],
    frame: pd.DataFrame,
    sandbox: Sandbox,
    *,
    proba: bool = False,
) -> pd.DataFrame:
    """One row a row of `frame`, with its index: the target's column, or with `proba` one column a class.

    The members' predictions are averaged by their weights, in the target's unit or as probabilities.

    Classes come back as `typed` tells; a column of probabilities is named by its class's text. `frame` needs
    the columns that the encoding uses; levels that were never seen count as missing.

    Raises:
        DataError: a column is missing, or `proba` is asked of a regression.
        SandboxError: the model could not be executed.
    """
    task = read_task(folder)
    if proba and task["kind"] == "regression":
        raise DataError("a regression has no class probabilities", hint="leave out --proba")
    encoding = read_encoding(folder)
    require_sources(encoding, frame)
    encoded = encoding.transform(frame)
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        features = Path(place) / "rows"
        bundles = bundle_folders(folder.path / "bundle", len(models_of(members[0].trial)))
        write_features(features, bundles[0], encoded.x_num, encoded.x_cat)
        predictions = predict_members(folder, members, features, sandbox)
    return _named(predictions, task, frame.index, proba)


def read_encoding(folder: RunFolder) -> Encoding:
    """The encoding that the run was trained with. Raises ConfigError when it is missing or damaged."""
    data = folder.read_json("encoding.json")
    with reading(folder.path / "encoding.json"):
        return Encoding.from_json(data)


def require_sources(encoding: Encoding, frame: pd.DataFrame) -> None:
    """Raises DataError when the frame lacks a column of the encoding."""
    present = list(map(str, frame.columns))
    lacking = [name for name in encoding.sources if name not in set(present)]
    if lacking:
        shown = ", ".join(f"{name!r:.60}" for name in lacking[:5]) + (", …" if len(lacking) > 5 else "")
        raise DataError(
            f"the table lacks {len(lacking)} of {len(encoding.sources)} columns that the model uses: {shown}",
            hint=did_you_mean(lacking[0], present),
        )


def _named(predictions: Any, task: dict[str, Any], index: "pd.Index[Any]", proba: bool) -> pd.DataFrame:
    if not task["classes"]:
        return pd.DataFrame({task["target"]: predictions}, index=index)
    if proba:
        return pd.DataFrame(predictions, columns=list(task["classes"]), index=index)
    classes = typed(task["classes"])
    return pd.DataFrame({task["target"]: [classes[code] for code in predictions.argmax(axis=1)]}, index=index)


def typed(classes: Sequence[str]) -> list[Any]:
    """The classes as they would be read from a CSV file: as whole numbers, numbers, booleans or texts.

    A run keeps the text of a class, for 1, 1.0 and "1" are one level. A text that is not how Python writes
    the number stays a text: "007".
    """
    readers: tuple[Callable[[str], Any], ...] = (int, _number, {"True": True, "False": False}.__getitem__)
    for read in readers:
        with suppress(ValueError, KeyError):
            values = [read(text) for text in classes]
            if [str(value) for value in values] == list(classes):
                return values
    return list(classes)


def _number(text: str) -> float | int:
    """A number; whole ones are written without a point. Raises ValueError."""
    return float(text) if "." in text or "e" in text else int(text)
