"""A command as an objective: a training script of the user's own, in whatever language."""

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from codegen_hpo.objective.base import Measured
from codegen_hpo.objective.command_line import CommandLine
from codegen_hpo.objective.disclosure import without_paths
from codegen_hpo.objective.process import run
from codegen_hpo.objective.trial_folder import fresh_folder, keep_output
from codegen_hpo.objective.under_way import UnderWay
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.objective.verdict import cannot_start, judged
from codegen_hpo.records import Outcome
from codegen_hpo.space import Scalar
from codegen_hpo.store.folder import RunFolder

ARGUMENTS, FOLDER = "CODEGEN_HPO_ARGUMENTS", "CODEGEN_HPO_FOLDER"  # variables of the command's environment


def folder_mark() -> str:
    """A mark of the folder in which a command would run now: a run can be mailed, and holds no path."""
    return hashlib.sha256(os.fsencode(Path.cwd().resolve())).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is run, and where its value is read."""

    text: str
    source: ValueSource
    timeout_s: float | None = None  # of one call
    begun_in: str = field(default_factory=folder_mark)  # the folder's, in which the run was begun

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Command":
        return cls(**dict(data) | {"source": ValueSource(**data["source"])})


class CommandObjective:
    """Runs the command for each call, in the folder where this program runs and with its environment.

    Each call has a folder of its own in the run, which keeps what it printed.

    Args:
        command: what is run.
        space: the arguments' names.
        folder: the run.

    Raises:
        ConfigError: the command does not fit the space.
    """

    def __init__(self, command: Command, space: Mapping[str, object], folder: RunFolder) -> None:
        self._command, self._folder = command, folder
        self._line = CommandLine.parse(command.text, space)
        self._under_way = UnderWay()

    def measure(self, arguments: dict[str, Scalar], number: int) -> Measured:
        """The command's value. Raises ConfigError if it cannot be started, and Abandoned."""
        name = fresh_folder(self._folder, number)
        file = self._folder.write_json(f"{name}/arguments.json", arguments).absolute()
        words = self._line.filled(arguments, folder=str(file.parent), file=str(file))
        environment = os.environ | {ARGUMENTS: str(file), FOLDER: str(file.parent)}
        timeout_s = self._command.timeout_s
        began = time.monotonic()
        with self._under_way.call() as begun:
            try:
                ended = run(words, environment, timeout_s, begun)
            except OSError as error:
                raise cannot_start(words, error) from error
        outcome = Outcome(status="ok", seconds=round(time.monotonic() - began, 3))
        ended = without_paths(ended, {file.parent: "{folder}", self._folder.path: "RUN", Path(): "."})
        keep_output(self._folder, name, ended)
        found = judged(ended, outcome, self._command.source, file.parent, timeout_s=timeout_s)
        return found._replace(files=name)

    def abandon(self) -> None:
        """Kills what runs, and lets nothing else begin."""
        self._under_way.abandon()
