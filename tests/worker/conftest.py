"""The worker's modules are imported as the worker does it: by their bare names."""

import json
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from codegen_hpo.resources import resource

sys.path.insert(0, str(resource("sandbox") / "worker"))

import frames
from guard import Guard, harden_server
from supervise import Limits, Result, supervise


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def apart() -> Callable[[Callable[[], Any]], Any]:
    """Calls a function in a forked process, as whose server it may do anything; its result comes back."""
    return _apart


@pytest.fixture
def guarded() -> Callable[..., Result]:
    """Calls `work(fd)` as a trial, in a server of its own; keywords change the guard."""

    def run(work: Callable[[int], None], **changes: Any) -> Result:
        result: Result = _apart(lambda: _supervised(work, **changes))
        return result

    return run


@pytest.fixture
def told(guarded: Callable[..., Result]) -> Callable[..., Any]:
    """Calls `work()` as a trial; what it returned comes back as JSON."""

    def run(work: Callable[[], Any], **changes: Any) -> Any:
        result = guarded(lambda fd: frames.write(fd, frames.OUTPUTS, json.dumps(work()).encode()), **changes)
        assert result.frames, f"{result.verdict} {result.printed.decode()[-2000:]}"
        return json.loads(result.frames[-1].payload)

    return run


def _supervised(work: Callable[[int], None], **changes: Any) -> Result:
    harden_server()
    guard = Guard(wall_s=20.0, memory_bytes=1 << 30, threads=64, gpu=False, readable=None)
    control, host = os.pipe()
    try:
        return supervise(work, Limits(1 << 20, guard._replace(**changes)), control)
    finally:
        os.close(control)
        os.close(host)


def _apart(work: Callable[[], Any]) -> Any:
    # the server ends all its descendants after each job: pytest's own must not be among them
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as file:
                pickle.dump(work(), file)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    assert data, "the process ended without a result"
    return pickle.loads(data)
