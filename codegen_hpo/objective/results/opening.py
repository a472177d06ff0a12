"""Files of a folder in which hostile code could write: opened without following links or waiting."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

FILE_BYTES, ROWS = 10 << 20, 200_000  # of a text: a row takes far more memory than it has bytes

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW  # a pipe nobody writes to would be waited for


class UnreadableError(Exception):
    """A file is not there or is not to be read; its text says which, for a user."""


@contextmanager
def opened(folder: Path, name: str) -> Iterator[int]:
    """The descriptor of a regular file or a folder below `folder`. Raises UnreadableError."""
    descriptors: list[int] = []
    try:
        try:
            descriptors.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
            parts = PurePath(name).parts
            for part in parts[:-1]:
                descriptors.append(os.open(part, _FOLDER, dir_fd=descriptors[-1]))
            for part in parts[-1:]:
                descriptors.append(os.open(part, _FILE, dir_fd=descriptors[-1]))
        except FileNotFoundError:
            raise UnreadableError(f"it wrote no {name} into its folder") from None
        except OSError as error:
            linked = bool(descriptors) and _is_link(parts[len(descriptors) - 1], descriptors[-1])
            why = "a link leads there, and links are not followed" if linked else error.strerror
            raise UnreadableError(f"{name} cannot be read: {why}") from None
        mode = os.fstat(descriptors[-1]).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise UnreadableError(f"{name} is no regular file")
        yield descriptors[-1]
    finally:
        for descriptor in reversed(descriptors):
            os.close(descriptor)


def read_text_file(descriptor: int, name: str) -> bytes:
    """All that the file holds. Raises UnreadableError if it is too long."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise UnreadableError(f"{name} is larger than {FILE_BYTES >> 20} MiB")
    return data


def require_few(rows: int, name: str) -> None:
    """Raises UnreadableError if there are too many rows."""
    if rows > ROWS:
        raise UnreadableError(f"{name} has more than {ROWS} rows")


def _is_link(part: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
