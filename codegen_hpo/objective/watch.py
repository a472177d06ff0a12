"""Waiting for a command that is not to run too long, or to fill the disk."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

Limit = Literal["", "time", "disk", "memory"]  # the one that a command met, if it met one

_LOOK_S = 1.0  # between two looks at the disk
_SHARE = 10  # of the time, what looking may take at most: one tenth
_ENTRY_BYTES = 4096  # what an empty file takes at least


def wait(ended: Callable[[float], bool], timeout_s: float | None, room: "Room | None" = None) -> Limit:
    """The limit that is met before the command has ended, or none.

    Args:
        ended: waits for so many seconds at most; whether the command has ended.
        timeout_s: None without a limit.
        room: None without a limit.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pause = _LOOK_S
    while True:
        left = pause if deadline is None else min(pause, deadline - time.monotonic())
        if ended(max(left, 0.0)):
            return ""
        if deadline is not None and time.monotonic() >= deadline:
            return "time"
        if room is not None:
            began = time.monotonic()
            if room.exceeded():
                return "disk"
            pause = max(_LOOK_S, _SHARE * (time.monotonic() - began))


class Room:
    """How much a folder may grow."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._full = disk_bytes(folder) + limit_bytes

    def exceeded(self) -> bool:
        return disk_bytes(self._folder) > self._full


def disk_bytes(folder: Path) -> float:
    """What the files below a folder take on the disk; infinite if they lie too deep to be counted."""
    total = 0
    folders = [os.fspath(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    total += max(entry.stat(follow_symlinks=False).st_blocks * 512, _ENTRY_BYTES)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError as error:
            # whatever else it is: the command removed it meanwhile, or this user may not look
            if error.errno == errno.ENAMETOOLONG:
                return float("inf")
    return total
