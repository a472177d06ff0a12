"""The folder in which a run keeps what one call left."""

import os
import re
from pathlib import Path

from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.results.opening import UnreadableError, opened
from codegen_hpo.records import trial_name
from codegen_hpo.sandbox.plain_text import plain
from codegen_hpo.store.folder import RunFolder

_STREAMS = ("stdout.txt", "stderr.txt")
_FILES = re.compile(r"trials/t\d{3,}(\.\d+)?")
_READ_BYTES = 1 << 20  # more than is kept of any stream


def fresh_folder(folder: RunFolder, number: int) -> str:
    """The name of a folder that no session used: what a killed call left must not be read.

    Raises:
        ConfigError: the run's folder of trials is a link.
    """
    folder.require_own(folder.path / "trials")
    names = (f"trials/{trial_name(number)}" + (f".{again}" if again else "") for again in range(10_000))
    return next(name for name in names if not os.path.lexists(folder.path / name))


def keep_output(folder: RunFolder, name: str, ended: Ended) -> None:
    """Writes what a call printed, or the part of it that was kept."""
    for stream, content in zip(_STREAMS, (ended.kept_output, ended.kept_complaints), strict=True):
        folder.write(f"{name}/{stream}", content)


def read_log(folder: RunFolder, files: str) -> str:
    """What a finished call printed, stdout and then stderr, without control characters; empty if nothing.

    The run may have come by mail: no link is followed, and what is none of ours is told in its place.

    Args:
        folder: the run.
        files: the call's folder, relative to the run, as in `Measured.files`; empty for a call without one.
    """
    if not files:
        return ""
    if not _FILES.fullmatch(files):
        return f"({files!r:.80} is no folder of a trial)\n"
    parts = []
    for stream in _STREAMS:
        content = _content(folder.path, f"{files}/{stream}")
        if content.strip():
            parts.append(f"--- {Path(stream).stem}\n{content.rstrip()}\n")
    return "".join(parts)


def _content(run: Path, name: str) -> str:
    if not os.path.lexists(run / name):
        return ""
    try:
        with opened(run, name) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
            return plain(file.read(_READ_BYTES).decode(errors="replace"))
    except UnreadableError as error:
        return f"({error})"
