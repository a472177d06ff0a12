"""The sandbox seam: where generated code is executed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codegen_hpo.records import Job, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a worker says of itself when it is ready."""

    python: str
    torch: str
    cuda: str  # name of the CUDA device, empty when there is none
    cuda_memory_bytes: int = 0
    memory_limit_bytes: int | None = None  # of its control group, None where there is no limit
    refused: tuple[str, ...] = ()  # what a guarded child of it tried at the start, in vain; see `warm.WALLED`
    sandbox: str = ""  # the back end's name; this and the notices are the host's own words
    notices: tuple[str, ...] = ()  # why it is not what was asked for first: no GPU, another back end


class Worker(Protocol):
    """One warm process with torch imported, which forks a child for each job."""

    @property
    def hello(self) -> Hello:
        """What the worker said when it was ready."""

    def run(self, job: Job) -> Outcome:
        """The job's outcome. Whatever the job's code did is in the outcome's status.

        A worker that died is replaced first. Raises SandboxError for faults of the host only.
        """

    def close(self) -> None:
        """Ends the process and everything it left. May be called twice."""


class Sandbox(Protocol):
    """Opens the workers in which generated code runs."""

    name: str  # "docker", "bubblewrap", "landlock", "none"

    def open(self, bundle: Path) -> Worker:
        """A warm worker that sees the folder `bundle` read-only, and nothing else. Raises SandboxError."""
