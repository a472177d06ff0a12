"""Where a script runs: the seam, and the user's own machine without a sandbox."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from codegen_hpo.objective.process import Ended, run

Started = Callable[[Callable[[], None]], None]  # is given what kills the script from another thread


class Runner(Protocol):
    """Runs scripts in their workspaces. Its methods may be called from several threads at once."""

    @property
    def notice(self) -> str:
        """What a trial is to note of where it ran; empty if nothing."""

    def seen_as(self, folder: Path) -> str:
        """The path of a workspace as the script sees it."""

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        timeout_s: float | None,
        started: Started,
        *,
        folder: Path,
        disk_bytes: int | None,
    ) -> Ended:
        """Runs the words in a workspace until they end, or a limit is met; nothing of them runs then.

        Args:
            words: the program and its arguments.
            environment: variables beside those that are there anyway.
            timeout_s: None without a limit.
            started: called once they run.
            folder: the workspace, which is their working folder.
            disk_bytes: what the workspace may grow by. None without a limit.

        Raises:
            OSError: the program cannot be started.
            SandboxError: the sandbox cannot be had, or broke.
        """


class HostRunner:
    """Runs scripts as the user, with the user's environment, and no wall around them."""

    notice = ""

    def seen_as(self, folder: Path) -> str:
        """The path itself."""
        return str(folder)

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        timeout_s: float | None,
        started: Started,
        *,
        folder: Path,
        disk_bytes: int | None,
    ) -> Ended:
        """How the words ended; see `Runner.run`."""
        variables = os.environ | environment
        return run(words, variables, timeout_s, started, folder=folder, disk_bytes=disk_bytes)
