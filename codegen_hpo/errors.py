"""Every error that a caller can meet.

CodegenHpoError           .hint: what to do; .exit_code: of the command line; .run: where it is kept
├── DataError         3
├── ConfigError       3
├── EndpointError     4
├── SandboxError      5
├── NoCandidateError  6
├── StorageError      7
└── NoModelError      1

Interrupted, a KeyboardInterrupt, is what Ctrl-C becomes once there is a run to resume.

Only faults of the host raise. What a model's text caused is a value, a Finding or an Outcome, because it
is sent back to the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CodegenHpoError(Exception):
    """The base of all errors raised on purpose. `hint` may be empty; `run` is set once there is a run."""

    exit_code = 1
    run: Path | None = None

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DataError(CodegenHpoError):
    """The table, the target or a column cannot be used."""

    exit_code = 3


class ConfigError(CodegenHpoError):
    """An option, a file of options or a run directory cannot be used."""

    exit_code = 3


class EndpointError(CodegenHpoError):
    """The model's endpoint does not answer as it must: key, quota, name, unreachable."""

    exit_code = 4


class SandboxError(CodegenHpoError):
    """No sandbox can be started, or one broke for a reason of the host."""

    exit_code = 5


class NoCandidateError(CodegenHpoError):
    """No candidate met the contract."""

    exit_code = 6


class StorageError(CodegenHpoError):
    """A run cannot be written: the disk is full or read-only."""

    exit_code = 7


class NoModelError(CodegenHpoError):
    """Candidates were trained, none gave a usable model."""

    exit_code = 1


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a run, which is kept and can be resumed."""

    def __init__(self, run: Path) -> None:
        super().__init__(f"interrupted; {run} is kept")
        self.run = run


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what reading a missing or damaged file of ours raises into a ConfigError that names it."""
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"{path} cannot be read: {reason or error}",
            hint="it is missing, damaged or was changed: restore it from a copy",
        ) from error
