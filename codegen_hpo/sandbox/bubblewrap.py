"""The back end `bubblewrap`: namespaces around each worker, in which nothing can be written or reached."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.devices import read_device
from codegen_hpo.sandbox.environment import worker_environment
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.pipes import start_worker
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.sandbox.roots import python_roots, system_roots, worker_command, worker_folder
from codegen_hpo.sandbox.warm import Connection, Wall, WarmWorker

_DATA, _WORKER = "/data", "/worker"
_PROBE_S, _SETUP_S = 10.0, 10.0
_NAMESPACES = [
    "--unshare-all",  # user, network, PID, IPC, UTS and control group namespaces
    "--new-session",
    "--as-pid-1",  # the worker: nobody inside can kill or trace it, and all below it ends with it
    "--cap-drop", "ALL",
    "--uid", "65534",
    "--gid", "65534",
    "--hostname", "sandbox",
]  # fmt: skip
# Not --die-with-parent: it would end the worker with the *thread* that started it. The worker ends when its
# input is closed, by whatever end of the host.
_CLOSED = [
    "--remount-ro", "/dev",
    # below /proc is /proc/sys, whose files root's own user id may write even without a capability
    "--remount-ro", "/proc",
    "--remount-ro", "/",
    "--chdir", "/",
]  # fmt: skip
_INSTALL = "install it, e.g. apt install bubblewrap"
_NO_NAMESPACES = (
    "user namespaces must be allowed: Ubuntu 24.04 restricts them by AppArmor (sysctl "
    "kernel.apparmor_restrict_unprivileged_userns=0, or a profile for bwrap), Debian by "
    "kernel.unprivileged_userns_clone=1; in a container they are off: use landlock there"
)


class BubblewrapSandbox:
    """Runs each worker in namespaces of its own that hold Python, torch and the bundle, all read-only.

    Raises:
        SandboxError: bubblewrap is not there or may not do its work; it was really run.
    """

    name = "bubblewrap"

    def __init__(self, limits: Limits | None = None, *, device: str = "cpu") -> None:
        self._limits, self._device = limits or Limits(), read_device(device)
        if not sys.platform.startswith("linux"):
            raise SandboxError("bubblewrap is for Linux", hint="install Docker Desktop")
        found = shutil.which("bwrap")
        if found is None:
            raise SandboxError("there is no program bwrap", hint=_INSTALL)
        self._program = found
        self._roots = system_roots(), python_roots()
        self._probe()

    def open(self, bundle: Path) -> WarmWorker:
        """A warm worker, PID 1 of its namespaces, that sees `bundle` as /data. Raises SandboxError."""
        wall = Wall(name=self.name, device=self._device.kind)
        return WarmWorker(lambda: self._connect(bundle), bundle, self._limits, wall)

    def _probe(self) -> None:
        """Runs `true` behind the whole wall but the bundle."""
        command = [self._program, *self._wall(), *_CLOSED, "--", "true"]
        try:
            done = subprocess.run(
                command, env={}, cwd="/", capture_output=True, timeout=_PROBE_S, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SandboxError(f"bwrap cannot be run: {error}", hint=_INSTALL) from error
        if done.returncode:
            said = short(done.stderr.decode(errors="replace"), 500) or f"exit status {done.returncode}"
            raise SandboxError(f"bwrap does not work here: {said}", hint=_NO_NAMESPACES)

    def _connect(self, bundle: Path) -> Connection:
        environment = worker_environment(self._device, existing_folder="/")
        told, tell = os.pipe()
        inner = _Inner(told)
        command = [self._program, "--info-fd", str(tell), *self._wall(), "--clearenv"]
        for name, value in environment.items():
            command += ["--setenv", name, value]
        data, worker = self._free(_DATA), self._free(_WORKER)
        command += ["--ro-bind", str(worker_folder()), worker, "--ro-bind", str(bundle.resolve()), data]
        command += [*_CLOSED, "--", *worker_command(Path(worker), data)]
        try:
            # --clearenv leaves the variables of bwrap itself to be read in /proc/1/environ: it gets none
            connection = start_worker(command, {}, self._limits, pass_fds=(tell,), kill=inner.kill)
        except BaseException:
            inner.close()
            raise
        finally:
            os.close(tell)
        inner.listen()
        return connection

    def _free(self, name: str) -> str:
        """The name, or one like it that would not hide Python: many servers keep environments below /data."""
        while any(root.is_relative_to(name) for root in self._roots[1]):
            name += "_"
        return name

    def _wall(self) -> list[str]:
        """The arguments for namespaces and folders."""
        of_system, of_python = self._roots
        arguments = list(_NAMESPACES)
        for path in of_system:
            if path.is_symlink() and path.parent == Path("/"):
                arguments += ["--symlink", os.readlink(path), str(path)]
            else:
                arguments += ["--ro-bind", str(path), str(path)]
        arguments += ["--proc", "/proc", "--dev", "/dev"]
        for path in of_python:
            arguments += ["--ro-bind", str(path), str(path)]
        if self._device.kind != "cpu":
            arguments += _gpu_arguments()
        return arguments


class _Inner:
    """The worker behind the wall, which is in neither bwrap's session nor its process group.

    Args:
        told: where bwrap says its process id, as JSON.
    """

    def __init__(self, told: int) -> None:
        self._told, self._handle = told, -1

    def listen(self) -> None:
        """Learns the process, for the case that it must be killed. A wall that failed has none."""
        text, deadline = b"", time.monotonic() + _SETUP_S
        try:
            while select.select([self._told], [], [], max(0.0, deadline - time.monotonic()))[0]:
                part = os.read(self._told, 1 << 10)
                if not part:
                    break
                text += part
            # a handle, because a number alone may soon be another process's
            self._handle = os.pidfd_open(int(json.loads(text)["child-pid"]))
        except (ValueError, KeyError, OSError):
            pass
        finally:
            os.close(self._told)
            self._told = -1

    def kill(self) -> None:
        """Kills it, and so all processes behind the wall."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            with suppress(OSError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)

    def close(self) -> None:
        if self._told >= 0:
            os.close(self._told)
            self._told = -1


def _gpu_arguments() -> list[str]:
    """The device files of the NVIDIA driver, and what it reads of /sys."""
    # This was not run on a GPU. CUDA_VISIBLE_DEVICES shows the worker one GPU, the files are those of all.
    arguments = []
    for path in sorted(Path("/dev").glob("nvidia*")):
        arguments += ["--dev-bind", str(path), str(path)]  # /dev/nvidia-caps is a folder: it takes both
    if arguments:
        for name in ("/sys/bus/pci", "/sys/devices", "/sys/module/nvidia", "/sys/module/nvidia_uvm"):
            arguments += ["--ro-bind-try", name, name]
    return arguments
