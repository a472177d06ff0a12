"""The warm worker: imports torch once, then forks one guarded child for each job.

    python worker.py FOLDER_OF_THE_BUNDLE

Frames come in on descriptor 0 and leave on 1 (see frames.py). It ends when its input does. It is trusted
code and uses torch, numpy, safetensors and the standard library alone.
"""

import gc
import json
import os
import platform
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import child
import frames
import torch
import torch._dynamo  # the first optimiser constructor imports it: 0.8 s in each child otherwise
from bundle import Bundle
from guard import harden_server
from supervise import Limits, supervise


def main(folder: Path) -> None:
    """Serves jobs until the host closes the input."""
    control, out = _take_pipes()
    torch.set_num_threads(1)  # thread pools do not survive a fork
    bundle = Bundle(folder)
    cuda = _ask_cuda()
    harden_server()
    gc.collect()
    gc.freeze()  # the collector of a child would touch, and so copy, the shared pages
    hello = {
        "protocol": frames.PROTOCOL,
        "python": platform.python_version(),
        "torch": torch.__version__,
        **cuda,
    }
    frames.write(out, frames.HELLO, json.dumps(hello).encode())
    try:
        while True:
            _serve(control, out, bundle)
    except (frames.ClosedError, BrokenPipeError):
        os._exit(0)


def _take_pipes() -> tuple[int, int]:
    """Moves the control pipes away from where a print would hit them."""
    control, out = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return control, out


def _serve(control: int, out: int, bundle: Bundle) -> None:
    job: dict[str, Any] = json.loads(frames.read(control).payload)
    weights = frames.read(control).payload
    limits = Limits(job["timeout_s"], job["result_bytes"], job["memory_bytes"])
    result = supervise(partial(child.run, job, weights, bundle), limits, control)
    for frame in result.frames:
        frames.write(out, frame.kind, frame.payload)
    frames.write(out, frames.PRINTED, result.printed)
    frames.write(out, frames.VERDICT, json.dumps(result.verdict._asdict()).encode())


def _ask_cuda() -> dict[str, object]:
    """Name and memory of the first CUDA device; empty without one.

    A child asks: a process that has initialised CUDA cannot fork others that use it. Counting devices
    is safe, because torch does it through NVML.
    """
    nothing: dict[str, object] = {"cuda": "", "cuda_memory_bytes": 0}
    if torch.cuda.device_count() == 0:
        return nothing
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            facts = torch.cuda.get_device_properties(0)
            os.write(
                writing, json.dumps({"cuda": facts.name, "cuda_memory_bytes": facts.total_memory}).encode()
            )
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else nothing


if __name__ == "__main__":
    main(Path(sys.argv[1]))
