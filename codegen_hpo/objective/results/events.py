"""TensorBoard's event files: one, or a folder that holds some."""

import itertools
import os
import stat
import struct
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.results.rows import Row, Told

MARK = "tfevents"  # in the name of every event file

_DEPTH = 4  # folders below the one that was named
_FILES = 100
_BYTES = 1 << 30  # of all files
_SCALARS = 300_000
_TAG_CHARACTERS = 200
_RECORD_BYTES = 1 << 20  # an image or a histogram, passed over unread
_LENGTH_BYTES, _CHECKSUM_BYTES = 8, 4  # of a record: its length, a checksum; then the data, a checksum
# kinds of tensors that hold one number: where it is, and how it is packed in place of that
_TENSORS = {1: ("float_val", "<f"), 2: ("double_val", "<d"), 3: ("int_val", "<i"), 9: ("int64_val", "<q")}


class _Scalar(NamedTuple):
    folder: str  # of its file, below the one that was named; "." for that one itself
    tag: str
    step: int
    value: float


def read_events(descriptor: int, name: str, metric: str) -> Told:
    """The scalars of an event file, or of all in a folder and below it, one in a row.

    Raises:
        ConfigError: the package tensorboard is missing.
    """
    scalars: list[_Scalar] = []
    complaint, total = "", 0
    try:
        for file, folder in _files(descriptor):
            with os.fdopen(file, "rb") as opened:
                total += os.fstat(file).st_size
                if total > _BYTES:
                    raise _BrokenError(f"there is more than {_BYTES >> 30} GiB of events")
                scalars += itertools.islice(_scalars(opened, folder), _SCALARS + 1 - len(scalars))
    except _BrokenError as error:
        complaint = f"{name}: {error}"
    if len(scalars) > _SCALARS:
        complaint = f"{name} holds more than {_SCALARS} numbers"
    homes: dict[str, list[str]] = {}
    for folder, tag in dict.fromkeys((one.folder, one.tag) for one in scalars):
        homes.setdefault(tag, []).append(folder)
    if len(homes.get(metric, [])) > 1:
        among = ", ".join(repr(f"{name}/{home}") for home in homes[metric][:5])
        complaint = complaint or f"{metric!r} is in the events of several folders: {among}; name one of them"
    rows: list[Row] = []
    for folder, tag, step, value in scalars:
        rows.append({"step": step, tag if len(homes[tag]) == 1 else f"{folder}/{tag}": value})
    return Told(rows, complaint)


class _BrokenError(Exception):
    """What is there is not what TensorBoard writes, or too much of it."""


def _files(descriptor: int) -> Iterator[tuple[int, str]]:
    """Descriptors of the event files, which the caller closes, with their folders; the oldest first."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        yield os.dup(descriptor), "."
        return
    count = 0
    for folder, below, names, opened in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
        if folder.count("/") >= _DEPTH:
            below.clear()
        below.sort()
        for name in sorted(name for name in names if MARK in name):  # they begin with their time
            count += 1
            if count > _FILES:
                raise _BrokenError(f"there are more than {_FILES} event files")
            try:
                file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=opened)
            except OSError as error:
                raise _BrokenError(f"{name!r:.200} cannot be read: {error.strerror}") from None
            if stat.S_ISREG(os.fstat(file).st_mode):
                yield file, folder.removeprefix("./")
            else:
                os.close(file)


def _scalars(file: IO[bytes], folder: str) -> Iterator[_Scalar]:
    event_of, error_of_it = _format()
    for record in _records(file):
        try:
            event = event_of(record)
        except error_of_it:
            raise _BrokenError("what is there is no event file of TensorBoard") from None
        for one in event.summary.value:
            if (value := _value(one)) is not None and len(one.tag) <= _TAG_CHARACTERS:
                yield _Scalar(folder, one.tag, event.step, value)


def _format() -> tuple[Any, type[Exception]]:
    """What makes an event of a record, and what it raises. Raises ConfigError without tensorboard."""
    try:
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from tensorboard.compat.proto.event_pb2 import Event
    except ImportError as error:
        raise ConfigError(
            f"event files of TensorBoard need the package tensorboard: {error}",
            hint="pip install 'codegen-hpo[tensorboard]'",
        ) from error
    return Event.FromString, DecodeError


def _records(file: IO[bytes]) -> Iterator[bytes]:
    """The records up to the first that was not written to its end."""
    while len(head := file.read(_LENGTH_BYTES + _CHECKSUM_BYTES)) == _LENGTH_BYTES + _CHECKSUM_BYTES:
        (length,) = struct.unpack("<Q", head[:_LENGTH_BYTES])
        if length > _BYTES:
            raise _BrokenError("what is there is no event file of TensorBoard")
        if length > _RECORD_BYTES:
            file.seek(length + _CHECKSUM_BYTES, os.SEEK_CUR)
            continue
        data = file.read(length)
        if len(data) < length:
            return
        file.read(_CHECKSUM_BYTES)
        yield data


def _value(one: Any) -> float | None:
    """The number of a scalar, of the old kind or the new one; None for anything else."""
    kind = one.WhichOneof("value")
    if kind == "simple_value":
        return float(one.simple_value)
    if kind != "tensor" or one.tensor.dtype not in _TENSORS or one.tensor.tensor_shape.dim:
        return None
    name, packed = _TENSORS[one.tensor.dtype]
    held = getattr(one.tensor, name)
    if len(held) == 1:
        return float(held[0])
    content = one.tensor.tensor_content
    return float(struct.unpack(packed, content)[0]) if len(content) == struct.calcsize(packed) else None
