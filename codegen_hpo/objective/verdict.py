"""What a command's end means: a value, or a failure that says why."""

import re
import signal
from collections.abc import Sequence
from pathlib import Path

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.base import Measured, failed, measured
from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.records import Outcome
from codegen_hpo.sandbox.plain_text import short

_TOLD_BYTES = 1000  # of a failed command's complaints, in its outcome

_SEARCHED_CHARACTERS = 4000  # at the end of its complaints, for the reason

_OUT_OF_MEMORY = re.compile(
    r"^\S*MemoryError\b|CUDA out of memory|[Cc]an(?:no|')t allocate memory|std::bad_alloc", re.MULTILINE
)
_MISSING = re.compile(r"No module named ['\"]?([\w.-]+)")


def judged(
    ended: Ended,
    outcome: Outcome,
    source: ValueSource,
    folder: Path,
    *,
    timeout_s: float | None = None,
    disk_bytes: int | None = None,
) -> Measured:
    """The value, if the command ended well and gave one.

    Args:
        ended: how it ended.
        outcome: what is known of it besides.
        source: where its value is read.
        folder: the call's own, which holds what it wrote.
        timeout_s: the limits under which it ran.
        disk_bytes: as above.
    """
    said = short(ended.complaints or ended.output, _TOLD_BYTES)
    # what it printed is not the reason: the reason comes last, where a short form of the text keeps it
    before = f"{said}\n" if said else ""
    match ended.limit:
        case "time":
            return failed(outcome, "timeout", f"{before}stopped after {timeout_s or 0:g} s")
        case "disk":
            limit = f"{(disk_bytes or 0) / (1 << 20):g} MiB"
            return failed(outcome, "killed", f"{before}stopped: it wrote more than {limit} to the disk")
        case "memory":
            return failed(outcome, "oom", f"{before}stopped: it used more memory than its container may have")
    assert ended.code is not None
    if ended.code < 0:
        return failed(outcome, "killed", f"{before}killed by {_signal_name(-ended.code)}")
    if ended.code:
        return _exited(ended, outcome, f"\n{said}" if said else "")
    found = source.read(ended.output, folder)
    if found.value is None:
        return failed(outcome, "bad_result", before + found.complaint)
    return measured(found.value, outcome)


def _exited(ended: Ended, outcome: Outcome, tail: str) -> Measured:
    end = ended.complaints[-_SEARCHED_CHARACTERS:]
    why = f"exit code {ended.code}"
    if memory := _OUT_OF_MEMORY.search(end):
        return failed(outcome, "oom", f"{why}, out of memory ({memory[0]}){tail}")
    if missing := _MISSING.search(end):
        why += f": the package {missing[1]} is not installed where it runs"
    return failed(outcome, "error", why + tail)


def cannot_start(words: Sequence[str], error: OSError) -> ConfigError:
    """The error of a command whose program the machine does not run."""
    return ConfigError(
        f"the command cannot be started: {words[0]!r}: {error.strerror or error}",
        hint="it is run as it stands, without a shell: give the path of a program",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
