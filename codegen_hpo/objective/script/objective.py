"""A training script as an objective: each trial in a fresh copy of the script's folder."""

import time
from typing import NamedTuple

from codegen_hpo.objective.base import Measured, failed
from codegen_hpo.objective.command import ARGUMENTS, FOLDER
from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.script.configuration import open_configuration
from codegen_hpo.objective.script.original import Original
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.runner import Runner
from codegen_hpo.objective.script.workspace import Workspace
from codegen_hpo.objective.trial_folder import fresh_folder, keep_output
from codegen_hpo.objective.under_way import UnderWay
from codegen_hpo.objective.verdict import cannot_start, judged
from codegen_hpo.records import Outcome
from codegen_hpo.space import Arguments, Scalar, Space
from codegen_hpo.store.folder import RunFolder, WriteError

# in the workspace, for a container sees nothing else; what the record holds is beside it
_ARGUMENTS_FILE = "codegen-hpo-arguments.json"


class _Run(NamedTuple):
    """One run of the script that has ended."""

    ended: Ended
    seconds: float


class ScriptObjective:
    """Runs the script for each call, in a copy of its folder that the call has for itself.

    Attributes:
        configuration: what the script reads, as the user left it.

    Args:
        script: what is run.
        space: the arguments.
        folder: the run.
        runner: where it runs.

    Raises:
        ConfigError: the script, its configuration or its command do not fit, or its folder is too large.
    """

    def __init__(self, script: Script, space: Space, folder: RunFolder, runner: Runner) -> None:
        self.configuration = open_configuration(script, space)
        self._script, self._folder, self._runner = script, folder, runner
        self._under_way = UnderWay()
        self._original = Original.of(script, run=folder.path)
        self._original.entries()  # what cannot be copied is told before the first trial

    def measure(self, arguments: dict[str, Scalar], number: int) -> Measured:
        """The script's value. Raises ConfigError if it cannot be copied or started, and Abandoned."""
        files = fresh_folder(self._folder, number)
        self._folder.write_json(f"{files}/arguments.json", arguments)
        path = self._folder.path / files / "work"
        workspace = Workspace(self._original, path, outward_links=self._script.sandbox == "none")
        try:
            self._prepare(workspace, files, arguments)
            run = self._run(workspace, arguments)
            keep_output(self._folder, files, run.ended)
            return self._judged(run, workspace, arguments)._replace(files=files)
        finally:
            workspace.tidy()

    def abandon(self) -> None:
        """Kills what runs, and lets nothing else begin."""
        self._under_way.abandon()

    def _prepare(self, workspace: Workspace, files: str, arguments: Arguments) -> None:
        """Puts the arguments into the workspace, and takes out what an earlier run of the script left."""
        if self._script.source.file:
            workspace.remove_old_result(self._script.source.file)
        try:
            self.configuration.write(arguments, workspace.path)
        except OSError as error:
            raise WriteError(error.errno, error.strerror, error.filename) from error
        self._folder.write_json(f"{files}/work/{_ARGUMENTS_FILE}", dict(arguments))

    def _run(self, workspace: Workspace, arguments: Arguments) -> _Run:
        seen = self._runner.seen_as(workspace.path)
        file = f"{seen}/{_ARGUMENTS_FILE}"
        words = self.configuration.words(arguments, folder=seen, file=file)
        # a script that trusts $PWD would be led to the original
        environment = {ARGUMENTS: file, FOLDER: seen, "PWD": seen}
        began = time.monotonic()
        with self._under_way.call() as begun:
            try:
                ended = self._runner.run(
                    words,
                    environment,
                    self._script.timeout_s,
                    begun,
                    folder=workspace.path,
                    disk_bytes=self._script.disk_bytes,
                )
            except OSError as error:
                raise cannot_start(words, error) from error
        return _Run(ended, round(time.monotonic() - began, 3))

    def _judged(self, run: _Run, workspace: Workspace, arguments: Arguments) -> Measured:
        script = self._script
        outcome = Outcome(
            status="ok",
            seconds=run.seconds,
            # of a failed run, too: it shows how far it came
            trajectory=script.source.trajectory(run.ended.output, workspace.path),
            notes=tuple(workspace.notes),
        )
        found = judged(
            run.ended,
            outcome,
            script.source,
            workspace.path,
            timeout_s=script.timeout_s,
            disk_bytes=script.disk_bytes,
        )
        departure = self.configuration.departure(arguments, workspace.path)
        if found.value is None or not departure:
            return found
        return failed(
            outcome, "bad_result", f"{departure}; to which arguments its value belongs is not known"
        )
