"""The back end `none`: a child process with limits and time-outs, but no wall around it."""

from pathlib import Path

from codegen_hpo.sandbox.devices import read_device
from codegen_hpo.sandbox.environment import worker_environment
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.pipes import start_worker
from codegen_hpo.sandbox.roots import worker_command, worker_folder
from codegen_hpo.sandbox.warm import Connection, Wall, WarmWorker


class ProcessSandbox:
    """Runs workers as plain child processes: for our own code, or at the user's own risk."""

    name = "none"

    def __init__(self, limits: Limits | None = None, *, device: str = "cpu") -> None:
        self._limits, self._device = limits or Limits(), read_device(device)

    def open(self, bundle: Path) -> WarmWorker:
        """A warm worker in its own session, with a clean environment. Raises SandboxError."""
        wall = Wall(name=self.name, must_refuse=(), device=self._device.kind)
        return WarmWorker(lambda: self._connect(bundle), bundle, self._limits, wall)

    def _connect(self, bundle: Path) -> Connection:
        command = worker_command(worker_folder(), str(bundle.resolve()))
        return start_worker(command, worker_environment(self._device), self._limits)
