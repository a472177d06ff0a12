"""A training script as an objective: each trial in a fresh copy of the script's folder."""

import hashlib
import time
from typing import NamedTuple

from codegen_hpo.objective.base import Measured, failed
from codegen_hpo.objective.command import ARGUMENTS, FOLDER
from codegen_hpo.objective.disclosure import without_paths
from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.script.configuration import open_configuration
from codegen_hpo.objective.script.missing_file import missed_in_copy
from codegen_hpo.objective.script.original import Original
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.runner import Runner
from codegen_hpo.objective.script.sources import SourceRecord, Sources
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
        self._entries = self._original.entries()  # what cannot be copied is told before the first trial
        self._record = SourceRecord(folder)
        # with any values of the same names: a base that is changed changes no trial
        self._configured = self.configuration.edited(space.defaults())

    def require_unchanged(self) -> None:
        """Raises ConfigError if the run's last trial was made with another script."""
        if self._record.begun:
            self._record.require_unchanged(self._ran(self._original.sources(self._entries)))

    def measure(self, arguments: dict[str, Scalar], number: int) -> Measured:
        """The script's value. Raises ConfigError if it cannot be copied or started, and Abandoned."""
        files = fresh_folder(self._folder, number)
        self._folder.write_json(f"{files}/arguments.json", arguments)
        path = self._folder.path / files / "work"
        workspace = Workspace(self._original, path, outward_links=self._script.sandbox == "none")
        try:
            sources = self._ran(workspace.sources())
            if note := self._record.note(sources):
                workspace.notes.append(note)
            self._prepare(workspace, files, arguments)
            run = self._run(workspace, arguments)
            keep_output(self._folder, files, run.ended)
            judged = self._judged(run, workspace, arguments)
            return judged._replace(files=files, code_hash=sources.code_hash)
        finally:
            workspace.tidy()

    def abandon(self) -> None:
        """Kills what runs, and lets nothing else begin."""
        self._under_way.abandon()

    def _ran(self, sources: Sources) -> Sources:
        """What the script reads of these: its configuration is written from what it was at the beginning."""
        written = {path: hashlib.sha256(content).hexdigest() for path, content in self._configured.items()}
        return Sources({**sources.marks, **written})

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
        seconds = round(time.monotonic() - began, 3)
        names = {workspace.path: ".", self._folder.path: "RUN", self._original.folder: "ORIGINAL"}
        return _Run(without_paths(ended, names), seconds)

    def _judged(self, run: _Run, workspace: Workspace, arguments: Arguments) -> Measured:
        script = self._script
        outcome = Outcome(
            status="ok",
            seconds=run.seconds,
            # of a failed run, too: it shows how far it came
            trajectory=script.source.trajectory(run.ended.output, workspace.path),
            notes=tuple(filter(None, [*workspace.notes, self._runner.notice])),
        )
        found = judged(
            run.ended,
            outcome,
            script.source,
            workspace.path,
            timeout_s=script.timeout_s,
            disk_bytes=script.disk_bytes,
        )
        if found.outcome.status == "error":
            missed = missed_in_copy(
                run.ended.complaints, self._original.folder, walled=script.sandbox != "none"
            )
            return failed(outcome, "error", f"{found.outcome.error}\n{missed}")
        departure = self.configuration.departure(arguments, workspace.path)
        if found.value is None or not departure:
            return found
        return failed(
            outcome, "bad_result", f"{departure}; to which arguments its value belongs is not known"
        )
