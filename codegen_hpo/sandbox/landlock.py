"""The back end `landlock`: each trial gives up, by Landlock and seccomp, what it does not need. CPU only."""

import ctypes
import os
import platform
import sys
from pathlib import Path

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.devices import read_device
from codegen_hpo.sandbox.environment import worker_environment
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.pipes import start_worker
from codegen_hpo.sandbox.roots import python_roots, system_roots, worker_command, worker_folder
from codegen_hpo.sandbox.warm import Connection, Wall, WarmWorker

_CREATE_RULESET = 444  # the same number on all architectures
_ASK_VERSION = 1
# of the processor torch reads what it can do; it complains in the trial's output where it cannot
_FILES = ("/dev/null", "/dev/urandom", "/proc/cpuinfo", "/sys/devices/system/cpu")
_NO_GPU = "landlock cannot give trials a GPU"  # CUDA ended with error 304 under Landlock, the cause unknown


class LandlockSandbox:
    """Runs workers as child processes whose trials can open a few folders for reading, and nothing else.

    Raises:
        SandboxError: the kernel has no Landlock, or a GPU is asked for.
    """

    name = "landlock"

    def __init__(self, limits: Limits | None = None, *, device: str = "cpu") -> None:
        self._limits, self._device = limits or Limits(), read_device(device)
        if not sys.platform.startswith("linux"):
            raise SandboxError("landlock is for Linux", hint="install Docker Desktop")
        if self._device.kind == "cuda":
            raise SandboxError(_NO_GPU, hint="use --sandbox docker or bubblewrap, or --device cpu")
        if (version := landlock_version()) < 1:
            raise SandboxError(
                f"the kernel {platform.release()} has no Landlock: {os.strerror(-version)}",
                hint="5.13 or newer is needed, with `landlock` in its list of security modules (lsm=)",
            )
        self._roots = [*system_roots(), *python_roots(), worker_folder()]

    def open(self, bundle: Path) -> WarmWorker:
        """A warm worker whose trials can read `bundle` and Python. Raises SandboxError."""
        wall = Wall(name=self.name)
        return WarmWorker(lambda: self._connect(bundle), bundle, self._limits, wall)

    def _connect(self, bundle: Path) -> Connection:
        place = str(bundle.resolve())
        command = worker_command(worker_folder(), place)
        for path in [*map(str, self._roots), place, *_FILES]:
            command += ["--readable", path]
        notices = (_NO_GPU,) if self._device.kind == "auto" else ()
        return start_worker(command, worker_environment("cpu"), self._limits, notices=notices)


def landlock_version() -> int:
    """The version of the kernel's Landlock interface, 1 or more; a negative errno where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = int(
        libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION))
    )
    return version if version >= 1 else -ctypes.get_errno()
