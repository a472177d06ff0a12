"""A child that is forked ahead of its job, and has been through the motions of a training by then.

A fork of a process with torch in it takes 10 ms, and a first training as long again, for the pages that it
touches. Both happen while the job before runs, or the host thinks. No spare has run generated code: it is a
fork of the server, which never does.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import child
import frames
import torch
from bundle import Bundle
from guard import Guard
from safetensors import torch as safetensors
from supervise import Child, Limits, start

_RESIDENT_S = 1e9  # of processor time


class Spare:
    """One child that waits for the one job that it will do. Raises OSError when none can be forked."""

    def __init__(self, bundle: Bundle, readable: Sequence[str] | None) -> None:
        reading, self._writing = os.pipe()
        try:
            self.child = start(partial(_wait, bundle, readable), reading)
        except OSError:
            os.close(self._writing)
            raise
        finally:
            os.close(reading)

    def send(self, job: bytes, weights: bytes) -> Child:
        """The child, which has the job. Raises BrokenPipeError if it died in the meantime."""
        child, requests = self.send_first(job, weights)
        os.close(requests)
        return child

    def send_first(self, job: bytes, weights: bytes) -> tuple[Child, int]:
        """The child, and the pipe by which a resident gets more. Raises BrokenPipeError as `send`."""
        try:
            frames.write(self._writing, frames.JOB, job)
            frames.write(self._writing, frames.LOADED, weights)
        except BrokenPipeError:
            os.close(self.child.printed)
            os.close(self.child.result)
            os.close(self._writing)
            raise
        return self.child, self._writing


def limits_of(job: dict[str, Any], readable: Sequence[str] | None) -> Limits:
    """What the job's child may use."""
    gpu = str(job["device"]).startswith("cuda")
    guard = Guard(job["timeout_s"], job["memory_bytes"], job["processes"], gpu, readable)
    return Limits(job["result_bytes"], guard, job["output_bytes"])


def _wait(bundle: Bundle, readable: Sequence[str] | None, fd: int) -> tuple[Guard, Callable[[int], None]]:
    with suppress(RuntimeError, MemoryError):  # it is for speed alone
        _rehearse()
    try:
        job = json.loads(frames.read(fd).payload)
        weights = frames.read(fd).payload
    except frames.ClosedError:
        os._exit(0)  # the server is gone: nobody needed this child
    guard = limits_of(job, readable).guard
    if job["kind"] == "load":
        # each answer has a time of its own, by the server's clock
        return guard._replace(wall_s=_RESIDENT_S), partial(child.reside, job, weights, bundle, os.dup(fd))
    return guard, partial(child.run, job, weights, bundle)


def _rehearse() -> None:
    """Takes two training steps, the results of which go nowhere."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.SiLU(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(2):
        loss = torch.nn.functional.mse_loss(model(torch.randn(16, 4)), torch.randn(16, 1))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    safetensors.save({name: value.detach().clone() for name, value in model.state_dict().items()})
