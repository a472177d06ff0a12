"""The folder in which a run keeps what one call left."""

from pathlib import Path

from codegen_hpo.objective.process import Ended
from codegen_hpo.sandbox.plain_text import plain
from codegen_hpo.store.folder import RunFolder

_STREAMS = ("stdout.txt", "stderr.txt")


def fresh_folder(folder: RunFolder, number: int) -> str:
    """The name of a folder that no session used: what a killed call left must not be read."""
    names = (f"trials/t{number:03d}" + (f".{again}" if again else "") for again in range(10_000))
    return next(name for name in names if not (folder.path / name).exists())


def keep_output(folder: RunFolder, name: str, ended: Ended) -> None:
    """Writes what a call printed, or the part of it that was kept."""
    for stream, content in zip(_STREAMS, (ended.kept_output, ended.kept_complaints), strict=True):
        folder.write(f"{name}/{stream}", content)


def read_log(folder: RunFolder, files: str) -> str:
    """What a finished call printed, stdout and then stderr, without control characters; empty if nothing.

    Args:
        folder: the run.
        files: the call's folder, relative to the run, as in `Measured.files`; empty for a call without one.
    """
    parts = []
    for stream in _STREAMS:
        path = folder.path / files / stream
        content = plain(path.read_bytes().decode(errors="replace")) if files and path.is_file() else ""
        if content.strip():
            parts.append(f"--- {Path(stream).stem}\n{content.rstrip()}\n")
    return "".join(parts)
