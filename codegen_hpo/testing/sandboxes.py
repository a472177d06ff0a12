"""A sandbox without processes, for tests of what is built on the seam."""

from collections.abc import Callable
from pathlib import Path

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Hello

Script = Callable[[Job], Outcome]


class ScriptedWorker:
    """Answers each job with the script's outcome, and remembers the job."""

    hello = Hello(python="3.11.0", torch="2.13.0", cuda="")

    def __init__(self, script: Script, jobs: list[Job]) -> None:
        self._script, self._jobs = script, jobs
        self._closed = False

    def run(self, job: Job) -> Outcome:
        """The script's outcome. Raises SandboxError after `close`."""
        if self._closed:
            raise SandboxError("the sandbox worker is closed; open another one")
        self._jobs.append(job)
        return self._script(job)

    def close(self) -> None:
        """Refuses further jobs."""
        self._closed = True


class ScriptedSandbox:
    """A `Sandbox` whose outcomes are a function of the job. `jobs` holds all that were run, in order."""

    name = "scripted"

    def __init__(self, script: Script) -> None:
        self.script = script
        self.jobs: list[Job] = []
        self.bundles: list[Path] = []

    def open(self, bundle: Path) -> ScriptedWorker:
        """A worker that answers by the script; the bundle is only noted."""
        self.bundles.append(bundle)
        return ScriptedWorker(self.script, self.jobs)
