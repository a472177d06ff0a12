"""A run directory: append-only events, and the files that they speak of."""

import fcntl
import itertools
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.records import Event

SCHEMA_VERSION = 1


class WriteError(OSError):
    """A run cannot be written. Another OSError may be of the user's own code."""


@contextmanager
def _write() -> Iterator[None]:
    """Makes a WriteError of what the disk refuses."""
    try:
        yield
    except OSError as error:
        raise WriteError(error.errno, error.strerror, error.filename) from error


class RunFolder:
    """One run. Reading needs no lock; `record` and `write` are called inside `writing()`.

    An event is on disk before anything else learns of it, and files are written before the event that
    names them: after a kill at any moment, what the events tell is all there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[Event] = []
        self._found: dict[tuple[str, str], Event] = {}

    @classmethod
    def create(cls, root: Path, label: str, now: datetime) -> "RunFolder":
        """A new, empty run directory below `root`, named by time and label: "20260314-091502-fare-k3f"."""
        slug = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:24] or "run"
        for _ in range(20):
            path = root / f"{now:%Y%m%d-%H%M%S}-{slug}-{secrets.token_hex(2)[:3]}"
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise ConfigError(
                    f"cannot create a run directory below {root}: {error.strerror}",
                    hint="choose another --runs folder",
                ) from error
            (path / "events.jsonl").touch()
            return cls(path)
        raise ConfigError(f"no free name for a run below {root}", hint="choose another --runs folder")

    @classmethod
    def at(cls, path: Path) -> "RunFolder":
        """The run in this very folder, made if there is none. Raises ConfigError if something else is."""
        if (path / "events.jsonl").is_file():
            return cls.open(path)
        try:
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise ConfigError(f"{path} exists and is no run", hint="give a new folder, or that of a run")
            path.mkdir(parents=True, exist_ok=True)
            (path / "events.jsonl").touch()
        except OSError as error:
            raise ConfigError(
                f"cannot create a run in {path}: {error.strerror}", hint="choose another folder"
            ) from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run with its events. Raises ConfigError if `path` is not a run directory."""
        if not (path / "events.jsonl").is_file():
            raise ConfigError(
                f"{path} is not a run directory: it holds no events.jsonl",
                hint="codegen-hpo runs lists the runs; give the folder of one",
            )
        folder = cls(path)
        folder._read()
        return folder

    def _read(self) -> None:
        self.events.clear()
        self._found.clear()
        path = self.path / "events.jsonl"
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
            self._keep(read_event(line, path, number))

    @property
    def name(self) -> str:
        return self.path.name

    def is_being_written(self) -> bool:
        """Whether a process holds the run's lock now. Looking changes nothing, and makes no lock."""
        try:
            with (self.path / "lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a run without a lock has no writer
            return False
        return False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the run's lock, drops a last line that a kill left torn, and reads what others wrote.

        Raises:
            ConfigError: another process holds it, or a link stands in the place of the run's own files.
        """
        events = self.path / "events.jsonl"
        for path in (events, self.path / "lock"):
            self.require_own(path)
        lock = FileLock(self.path / "lock")
        with _write():
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise ConfigError(
                    f"{self.path} is being written by another process", hint="wait for it, or stop it first"
                ) from error
        try:
            whole = events.read_bytes().rfind(b"\n") + 1
            with _write():
                os.truncate(events, whole)
            self._read()
            yield
        finally:
            lock.release()

    def record(self, kind: str, key: str, data: Mapping[str, Any], elapsed_s: float) -> Event:
        """Appends an event and returns it once it is on disk."""
        event = Event(
            number=len(self.events) + 1,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            elapsed_s=round(elapsed_s, 3),
            kind=kind,
            key=key,
            data=data,
        )
        line = json.dumps(
            {
                "n": event.number,
                "time": event.time,
                "elapsed_s": event.elapsed_s,
                "kind": kind,
                "key": key,
                "data": data,
            },
            allow_nan=False,
        )
        self._append(line.encode() + b"\n")
        self._keep(event)
        return event

    def _append(self, line: bytes) -> None:
        """The line on disk, whole or not at all: a full disk must not leave a torn one before the next."""
        path = self.path / "events.jsonl"
        length = path.stat().st_size
        try:
            with _write(), path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                os.truncate(path, length)
            raise

    def find(self, kind: str, key: str) -> Event | None:
        """The event of this kind and key, if the run has it."""
        return self._found.get((kind, key))

    def of_kind(self, *kinds: str) -> list[Event]:
        """All events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    def write(self, name: str, content: bytes | str) -> Path:
        """Writes one file of the run whole or not at all; `name` is relative, with forward slashes.

        Raises:
            ConfigError: it would be written out of the run, by a link.
        """
        path = self.path / name
        part = path.with_name(path.name + ".part")
        data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
        self.require_own(path.parent)
        try:
            with _write():
                path.parent.mkdir(parents=True, exist_ok=True)
                part.unlink(missing_ok=True)  # what a kill left, or a link
                with part.open("xb") as file:
                    file.write(data)
                part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        return path

    def require_own(self, path: Path) -> None:
        """Raises ConfigError if a link leads to this path of the run: it may have come by mail."""
        for part in itertools.takewhile(lambda part: part != self.path, [path, *path.parents]):
            if part.is_symlink():
                raise ConfigError(
                    f"{part} is a link, which a run does not hold: what is written there would go elsewhere",
                    hint="remove the link, or put what it leads to in its place",
                )

    def file(self, name: str) -> Path:
        """The path of a file to read; `name` is relative, with forward slashes.

        Raises:
            ConfigError: the name, or a link, leads out of the run: it may have come by mail, and what is read
                is shown and exported.
        """
        path = self.path / name
        try:
            inside = path.resolve().is_relative_to(self.path.resolve())
        except (OSError, RuntimeError, ValueError):  # a loop of links, a name that no file can have
            inside = False
        if not inside:
            raise ConfigError(
                f"{path} lies outside of the run, which reads its own files only",
                hint="remove the link, or restore the run from a copy",
            )
        return path

    def write_json(self, name: str, data: object) -> Path:
        return self.write(name, json.dumps(data, indent=1, allow_nan=False) + "\n")

    def read_json(self, name: str) -> Any:
        """What a JSON file of the run holds. Raises ConfigError when it is missing or damaged."""
        with reading(path := self.file(name)):
            return json.loads(path.read_bytes())

    def _keep(self, event: Event) -> None:
        self.events.append(event)
        self._found[event.kind, event.key] = event


def read_event(line: bytes, path: Path, number: int) -> Event:
    """The event of a line; `path` and `number` are those of the line. Raises ConfigError."""
    try:
        data: Mapping[str, Any] = json.loads(line)
        return Event(
            number=data["n"],
            time=data["time"],
            elapsed_s=data["elapsed_s"],
            kind=data["kind"],
            key=data["key"],
            data=data["data"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}, line {number}: not an event ({error})",
            hint="the file was changed by something else; restore it from a copy",
        ) from error


def list_runs(root: Path) -> list[Path]:
    """The run directories below `root`, oldest first."""
    return sorted(path.parent for path in root.glob("*/events.jsonl"))


def list_all_runs(root: Path) -> list[Path]:
    """The same, and after them those in folders of several runs, as `tune-script --repeats` makes them."""
    runs = list_runs(root)
    deeper = (path.parent for path in root.glob("*/*/events.jsonl"))
    return [*runs, *sorted(path for path in deeper if path.parent not in runs)]
