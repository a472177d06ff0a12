"""A run's events as they are written, for whoever follows it from outside."""

from pathlib import Path

from codegen_hpo.errors import reading
from codegen_hpo.records import Event
from codegen_hpo.store.folder import read_event


class Tail:
    """Reads events.jsonl of a run directory from its begin, and later what it has gained."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "events.jsonl"
        self._offset = 0  # bytes that were read: whole lines
        self._lines = 0

    def read(self) -> list[Event]:
        """The events that came since the last time. A line that is being written waits for its end.

        Raises ConfigError when the file is gone or damaged.
        """
        with reading(self._path), self._path.open("rb") as file:
            file.seek(self._offset)
            whole, end, _ = file.read().rpartition(b"\n")
        if not end:
            return []
        events = []
        for line in whole.split(b"\n"):
            events.append(read_event(line, self._path, self._lines + 1))
            self._lines += 1
            self._offset += len(line) + 1
        return events
