"""What goes on in a run at this moment, in a small file for whoever watches from outside.

Nothing depends on it: it is replaced several times a second, and gone when the run's process has ended well.
"""

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from codegen_hpo.errors import CodegenHpoError
from codegen_hpo.records import Event
from codegen_hpo.store.folder import RunFolder

_FILE = "now.json"
_MOST_BYTES = 1 << 20


class Now:
    """The writing side: the latest event of each key, none of them recorded."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._shown: dict[str, Event] = {}

    def show(self, kind: str, key: str, data: Mapping[str, Any], elapsed_s: float) -> Event:
        """The event, which takes the place of the one shown for this key."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        event = Event(number=0, time=time, elapsed_s=round(elapsed_s, 3), kind=kind, key=key, data=data)
        with self._lock:
            self._shown[key] = event
            # without it a watcher knows less; the disk may be full, or the folder removed
            with suppress(OSError, CodegenHpoError):
                self._folder.write_json(_FILE, [asdict(one) for one in self._shown.values()])
        return event

    def hide(self, key: str) -> None:
        """Takes a key's event away, with the next one that is shown."""
        with self._lock:
            self._shown.pop(key, None)

    def clear(self) -> None:
        """Removes the file."""
        with self._lock, suppress(OSError):
            (self._folder.path / _FILE).unlink(missing_ok=True)


def read_now(folder: RunFolder) -> list[Event]:
    """What is shown, perhaps by a process that was killed since; nothing if it cannot be read."""
    try:
        path = folder.file(_FILE)
        if path.stat().st_size > _MOST_BYTES:
            return []
        return [Event(**event) for event in json.loads(path.read_bytes())]
    except (OSError, CodegenHpoError, ValueError, TypeError, RecursionError):
        return []
