"""A command as an objective: a training script of the user's own, in whatever language."""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.base import Abandoned, Measured, failed, measured
from codegen_hpo.objective.command_line import CommandLine
from codegen_hpo.objective.process import Ended, run
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.records import Outcome
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.space import Scalar
from codegen_hpo.store.folder import RunFolder

ARGUMENTS, FOLDER = "CODEGEN_HPO_ARGUMENTS", "CODEGEN_HPO_FOLDER"  # variables of the command's environment

_TOLD_BYTES = 1000  # of a failed command's complaints, in its outcome


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
        self._lock = threading.Lock()
        self._abandoned = False
        self._running: dict[int, Callable[[], None]] = {}

    def measure(self, arguments: dict[str, Scalar], number: int) -> Measured:
        """The command's value. Raises ConfigError if it cannot be started, and Abandoned."""
        name = self._fresh_folder(number)
        file = self._folder.write_json(f"{name}/arguments.json", arguments).absolute()
        words = self._line.filled(arguments, folder=str(file.parent), file=str(file))
        environment = os.environ | {ARGUMENTS: str(file), FOLDER: str(file.parent)}
        began = time.monotonic()
        try:
            ended = run(words, environment, self._command.timeout_s, lambda kill: self._begun(number, kill))
        except OSError as error:
            raise ConfigError(
                f"the command cannot be started: {words[0]!r}: {error.strerror or error}",
                hint="it is run as it stands, without a shell: give the path of a program",
            ) from error
        finally:
            with self._lock:
                self._running.pop(number, None)
        if self._abandoned:
            raise Abandoned
        outcome = Outcome(status="ok", seconds=round(time.monotonic() - began, 3))
        self._folder.write(f"{name}/stdout.txt", ended.kept_output)
        self._folder.write(f"{name}/stderr.txt", ended.kept_complaints)
        return self._judged(ended, outcome, file.parent)._replace(files=name)

    def abandon(self) -> None:
        """Kills what runs, and lets nothing else begin."""
        with self._lock:
            self._abandoned = True
            for kill in self._running.values():
                kill()

    def _begun(self, number: int, kill: Callable[[], None]) -> None:
        with self._lock:
            self._running[number] = kill
            if self._abandoned:
                kill()

    def _fresh_folder(self, number: int) -> str:
        """The name of a folder that no session used: what a killed command left must not be read."""
        names = (f"trials/t{number:03d}" + (f".{again}" if again else "") for again in range(10_000))
        return next(name for name in names if not (self._folder.path / name).exists())

    def _judged(self, ended: Ended, outcome: Outcome, folder: Path) -> Measured:
        """The value, if the command ended well and gave one."""
        said = short(ended.complaints or ended.output, _TOLD_BYTES)
        tail = f"\n{said}" if said else ""
        if ended.code is None:
            limit = f"stopped after {self._command.timeout_s:g} s"
            return failed(outcome, "timeout", limit + tail)
        if ended.code < 0:
            return failed(outcome, "killed", f"killed by {_signal_name(-ended.code)}{tail}")
        if ended.code:
            return failed(outcome, "error", f"exit code {ended.code}{tail}")
        found = self._command.source.read(ended.output, folder)
        if found.value is None:
            return failed(outcome, "bad_result", found.complaint + tail)
        return measured(found.value, outcome)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
