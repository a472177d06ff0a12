"""A table's file, opened as often as it is read: nothing of it is kept beside the table."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

from codegen_hpo.errors import DataError

_GZIP = b"\x1f\x8b"


class Source:
    """A file that exists and is not empty; one that begins like gzip is unpacked as it is read."""

    def __init__(self, path: Path) -> None:
        """Raises DataError for what is no file that can be read."""
        if path.is_dir():
            raise DataError(
                f"{path.name or path} is a folder, a table file is expected", hint="Name a file in it."
            )
        self.path, self.name = path, path.name
        try:
            with path.open("rb") as file:
                begin = file.read(2)
                self.size = path.stat().st_size
        except FileNotFoundError:
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            near = get_close_matches(path.name, siblings, n=2, cutoff=0.5)
            hint = f"Did you mean {' or '.join(near)}?" if near else "Check the path."
            raise DataError(f"there is no file {path}", hint=hint) from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if not begin:
            raise DataError(f"{path.name} is empty")
        self.packed = begin == _GZIP

    def sha256(self) -> str:
        """Of the file as it is, hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The bytes, unpacked. Raises DataError when they cannot be."""
        with self.path.open("rb") as file:
            if not self.packed:
                yield file
                return
            try:
                with gzip.open(file) as unpacked:
                    yield unpacked  # type: ignore[misc]
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise DataError(
                    f"{self.name} begins like a gzip file, but cannot be unpacked: {error}"
                ) from None

    def begin(self, count: int) -> bytes:
        """The first bytes, unpacked, at most so many."""
        with self.opened() as file:
            return file.read(count)
