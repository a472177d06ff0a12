"""A CSV file with a row a trial, of one run or of several."""

import csv
import fcntl
import io
import json
import os
from pathlib import Path
from typing import Any

from codegen_hpo.errors import StorageError
from codegen_hpo.records import Event
from codegen_hpo.sandbox.plain_text import plain
from codegen_hpo.store import codec

COLUMNS = (
    "run",
    "trial",
    "candidate",
    "proposed_by",
    "status",
    "score",
    "loss",
    "seconds",  # of its training
    "elapsed_s",  # of the run, when the trial ended
    "time",  # UTC, when the trial ended
    "parameters",
    "seed",
    "arguments",  # a JSON object: candidates differ in their arguments
    "error",
)


class CsvFile:
    """Appends rows to a file; those of other runs stay as they are.

    Raises:
        StorageError: the file holds something else.
    """

    def __init__(self, path: str, run: str) -> None:
        self._path, self._run = Path(path), run
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            content = file.read()
            whole = content.rpartition(b"\n")[0].decode(errors="replace")
            if _line(COLUMNS).startswith(content):  # empty, or a kill left the first line torn
                file.truncate(0)
                file.write(_line(COLUMNS))
                self._known: set[str] = set()
                return
            rows = csv.DictReader(io.StringIO(whole))
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise StorageError(f"{path} is a table of something else", hint="name another file")
            self._known = {row["trial"] for row in rows if row["run"] == run}
            file.truncate(content.rindex(b"\n") + 1)  # without a last line that a kill left torn

    def receive(self, event: Event) -> None:
        """Writes the row of a trial; see `apart.Tracker`."""
        if event.kind != "trial":
            return
        trial = codec.trial_from_json(event.data)
        if trial.name in self._known:
            return
        row = (
            self._run,
            trial.name,
            trial.candidate,
            trial.call.proposed_by,
            trial.outcome.status,
            trial.score,
            trial.loss,
            trial.outcome.seconds,
            event.elapsed_s,
            event.time,
            trial.outcome.parameters,
            trial.seed,
            json.dumps(dict(trial.call.arguments), ensure_ascii=False),
            trial.outcome.error,
        )
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(_line(row))
            file.flush()
            os.fsync(file.fileno())
        self._known.add(trial.name)

    def close(self) -> None:
        """Nothing is open between rows."""


def _line(cells: tuple[Any, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([_cell(cell) for cell in cells])
    return text.getvalue().encode(errors="replace")


def _cell(value: Any) -> Any:
    """Text on one line, which no spreadsheet takes for a formula: it may be a model's."""
    if not isinstance(value, str):
        return value
    text = " ".join(plain(value).split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
