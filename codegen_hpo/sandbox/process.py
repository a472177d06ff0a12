"""The back end `none`: a child process with limits and time-outs, but no wall around it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO

from codegen_hpo.errors import SandboxError
from codegen_hpo.resources import resource
from codegen_hpo.sandbox.inbox import Inbox
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.warm import Connection, WarmWorker

_LEAVE_S = 2.0  # a worker whose input was closed ends its child, then itself
_COMPLAINTS = 64  # chunks of stderr kept
# of the host's variables, only what the CUDA driver needs to be found
_PASSED = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "SYSTEMROOT")


class ProcessSandbox:
    """Runs workers as plain child processes: for our own code, or at the user's own risk."""

    name = "none"

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def open(self, bundle: Path) -> WarmWorker:
        """A warm worker in its own session, with a clean environment. Raises SandboxError."""
        return WarmWorker(lambda: _connect(bundle, self._limits), bundle, self._limits, limit_memory=True)


def worker_environment() -> dict[str, str]:
    """The whole environment of a worker process: no key of the user is in it."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",  # the order of a set of names is part of a trial that is to be run again
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",  # else numpy has two threads at the fork
        "OMP_NUM_THREADS": "1",
        # threads that wait by spinning starve each other where cores are shared: two threads on two busy
        # cores took 21.5 s for ten epochs, 2.3 s without spinning
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # counting devices must not initialise CUDA in the parent
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products
        "TORCHINDUCTOR_CACHE_DIR": tempfile.gettempdir(),  # torch._dynamo makes it at import otherwise
        **{name: os.environ[name] for name in _PASSED if name in os.environ},
    }


def _connect(bundle: Path, limits: Limits) -> Connection:
    script = resource("sandbox") / "worker" / "worker.py"
    # not -I, which ignores PYTHONHASHSEED: the environment is ours anyway
    command = [sys.executable, "-s", "-P", str(script), str(bundle.resolve())]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=worker_environment(),
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxError(f"the sandbox worker cannot be started: {error}") from error
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    inbox = Inbox(limits.result_bytes + (1 << 20))
    complaints: deque[bytes] = deque(maxlen=_COMPLAINTS)
    readers = [
        threading.Thread(target=inbox.drain, args=(stdout.read,), daemon=True),
        threading.Thread(target=_keep, args=(stderr, complaints), daemon=True),
    ]
    for reader in readers:
        reader.start()

    def end() -> None:
        _end(process, stdin)
        for reader in readers:
            reader.join(timeout=_LEAVE_S)
        stdout.close()
        stderr.close()

    return Connection(
        inbox=inbox,
        send=lambda data: _write(stdin, data),
        complaints=lambda: b"".join(complaints).decode(errors="replace"),
        end=end,
    )


def _write(stdin: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[stdin.write(rest) :]
    except ValueError as error:  # closed
        raise OSError(str(error)) from None


def _end(process: "subprocess.Popen[bytes]", stdin: IO[bytes]) -> None:
    """Lets the worker end its child and itself; kills its group if it does not."""
    with suppress(OSError):
        stdin.close()
    try:
        process.wait(_LEAVE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _keep(stderr: IO[bytes], complaints: deque[bytes]) -> None:
    with suppress(OSError, ValueError):  # closed under its feet
        while data := stderr.read(1 << 12):
            complaints.append(data)
