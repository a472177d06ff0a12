"""Where the value of a command is read. The user says so once; nothing that the command prints changes it."""

import math
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.results.csv_file import read_csv
from codegen_hpo.objective.results.events import MARK, read_events
from codegen_hpo.objective.results.json_file import read_json, read_json_lines
from codegen_hpo.objective.results.opening import UnreadableError, opened, read_text_file
from codegen_hpo.objective.results.output import read_lines, read_matches
from codegen_hpo.objective.results.rows import Told, cell_number
from codegen_hpo.objective.trajectory import trajectory
from codegen_hpo.records import Series


class Found(NamedTuple):
    """The value, which may be NaN, or why there is none."""

    value: float | None
    complaint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSource:
    """A file, a pattern, or the lines of the output that name the metric or, if none does, are a number.

    The file's name tells its format: `.jsonl` and `.ndjson` are JSON lines, `.csv` is CSV, a folder and a
    name with `tfevents` in it are events of TensorBoard, anything else is JSON.
    """

    metric: str
    file: str = ""  # relative to the trial's own folder
    pattern: str = ""  # with one group
    pick: Literal["last", "best"] = "last"  # of several rows, matches or lines
    maximize: bool = False  # what is best
    named: bool = False  # a line of the output that is a bare number is not taken for the value

    def __post_init__(self) -> None:
        if self.pick not in ("last", "best"):
            raise ConfigError(f"unknown pick {self.pick!r}", hint="choose last or best")
        if self.file and self.pattern:
            raise ConfigError(
                "a result file and a pattern are given", hint="the value comes from one of them"
            )
        if PurePath(self.file).is_absolute() or ".." in PurePath(self.file).parts:
            raise ConfigError(
                f"the result file {self.file} is not inside the trial's own folder",
                hint="give a path within that folder, which is {folder} in a command: "
                "a file that trials share could hold the value of an earlier one",
            )
        try:
            groups = re.compile(self.pattern).groups if self.pattern else 1
        except re.error as error:
            raise ConfigError(
                f"the pattern {self.pattern!r} cannot be read: {error}", hint=_PATTERN
            ) from error
        if groups != 1:
            raise ConfigError(
                f"the pattern {self.pattern!r} has {groups} groups, expected one", hint=_PATTERN
            )

    def read(self, output: str, folder: Path) -> Found:
        """The value of a command that printed `output` and had this folder.

        Raises:
            ConfigError: a package is missing that the file's format needs.
        """
        told = self._told(output, folder)
        return Found(None, told.complaint) if told.complaint else self._chosen(told)

    def trajectory(self, output: str, folder: Path) -> tuple[Series, ...]:
        """How the metric and what stands beside it went, as far as that can be read; it never raises."""
        try:
            rows = self._told(output, folder).rows
        except ConfigError:
            return ()
        return trajectory(rows, self.metric, maximize=self.maximize)

    def _told(self, output: str, folder: Path) -> Told:
        if self.file:
            try:
                with opened(folder, self.file) as descriptor:
                    return self._in_file(descriptor)
            except UnreadableError as error:
                return Told([], str(error))
        if self.pattern:
            return read_matches(output, self.pattern, self.metric)
        return read_lines(output, self.metric, named=self.named)

    def _in_file(self, descriptor: int) -> Told:
        """What the file holds. Raises UnreadableError or ConfigError."""
        name = self.file
        if MARK in PurePath(name).name or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            return read_events(descriptor, name, self.metric)
        data = read_text_file(descriptor, name)
        suffix = PurePath(name).suffix.lower()
        if suffix == ".csv":
            return read_csv(data, name)
        if suffix in (".jsonl", ".ndjson"):
            return read_json_lines(data, name)
        return read_json(data, name, self.metric)

    def _chosen(self, told: Told) -> Found:
        """The value among the rows, unless one stands for the whole run."""
        where = self.file or "its output"
        rows = [told.final] if self.metric in told.final else told.rows
        cells = [row[self.metric] for row in rows if self.metric in row]
        if not cells:
            names = dict.fromkeys(name for row in [told.final, *told.rows] for name in row)
            listed = ", ".join(map(repr, list(names)[:10])) or "nothing"
            return Found(None, f"{where} has no {self.metric!r}; it has {listed:.200}")
        values: list[float] = []
        for cell in cells if self.pick == "best" else cells[-1:]:
            value = cell_number(cell)
            if value is None:
                return Found(None, f"{self.metric} in {where} is {cell!r:.80}, which is no number")
            values.append(value)
        finite = [value for value in values if math.isfinite(value)]
        if finite and self.pick == "best":
            return Found(max(finite) if self.maximize else min(finite))
        return Found(values[-1])


_PATTERN = "for example 'val_loss: ([-+.0-9e]+)', one group around the number"
