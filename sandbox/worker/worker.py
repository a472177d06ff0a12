"""The warm worker: imports torch once, then forks one guarded child for each job.

    python worker.py BUNDLE [--readable PATH]...

The paths are the only ones that a child may read, by Landlock; without one, another wall sees to that.
Frames come in on descriptor 0 and leave on 1 (see frames.py). The worker ends when its input does. It is
trusted code and uses torch, numpy, safetensors and the standard library alone.
"""

import argparse
import gc
import json
import os
import platform
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import frames
import late_imports
import torch
from bundle import Bundle, fingerprint
from guard import Guard, harden_server
from host import Host
from kernel import memory_limit
from resident import Resident
from self_test import refused
from spare import Spare, limits_of
from supervise import Limits, Result, Verdict, supervise, watch

_CUDA_START_S, _CUDA_THREADS = 60.0, 128


def main(folder: Path, readable: Sequence[str] | None) -> None:
    """Serves jobs until the host closes the input."""
    host = Host(*_take_pipes())
    try:
        late_imports.take()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a host in the background passes on that it ignores it
        torch.set_num_threads(1)  # thread pools do not survive a fork
        harden_server()
        seen = fingerprint(folder)
        bundle = Bundle(folder) if seen else None
        gc.collect()
        gc.freeze()  # the collector of a child would touch, and so copy, the shared pages
        hello = {
            "protocol": frames.PROTOCOL,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "bundle": seen,
            "refused": refused(host.control, folder, readable),
            "memory_limit_bytes": memory_limit(),
            **_ask_cuda(host, readable),
        }
        host.send(frames.HELLO, json.dumps(hello).encode())
        if bundle is not None:  # None: the host is another machine, and sends the bundle to a next worker
            _serve(host, bundle, readable)
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


def _serve(host: Host, bundle: Bundle, readable: Sequence[str] | None) -> None:
    """Does one job after the other, each in a child that was forked while the one before ran.

    Only `rows` jobs go to a child that is there already: the resident, which the `load` job before them left.
    """
    spare: Spare | None = Spare(bundle, readable)
    resident: Resident | None = None
    while True:
        job, loaded = host.receive(), host.receive()
        facts = json.loads(job)
        limits = limits_of(facts, readable)
        if facts["kind"] == "rows":
            result = resident.ask(job, loaded, limits) if resident and resident.alive else _NOT_LOADED
            _tell(host, result)
            continue
        if resident:
            resident.end()
            resident = None
        if facts["kind"] == "load":
            child, requests = (spare or Spare(bundle, readable)).send_first(job, loaded)
            resident, spare = Resident(child, requests, limits, host.control), None
            _tell(host, resident.answer(limits.guard.wall_s))
            continue
        try:
            child = (spare or Spare(bundle, readable)).send(job, loaded)
        except BrokenPipeError:
            child = Spare(bundle, readable).send(job, loaded)
        try:
            spare = Spare(bundle, readable)
        except OSError:  # the job may have taken all the processes there may be
            spare = None
        kept = spare.child.pid if spare else None
        _tell(host, watch(child, limits, host.control, kept, partial(host.send, frames.POINT)))


_REPORT = json.dumps({"status": "error", "error": "no model is loaded"}).encode()
_NOT_LOADED = Result(Verdict("exited", 0, "load", 0.0, 0), [frames.Frame(frames.REPORT, _REPORT)], b"")


def _tell(host: Host, result: Result) -> None:
    for frame in result.frames:
        host.send(frame.kind, frame.payload)
    host.send(frames.PRINTED, result.printed)
    host.send(frames.VERDICT, json.dumps(result.verdict._asdict()).encode())


def _ask_cuda(host: Host, readable: Sequence[str] | None) -> dict[str, object]:
    """Name and memory of the first CUDA device; empty without one that a guarded child can use.

    A child asks: a process that has initialised CUDA cannot fork others that use it. Counting devices
    is safe, because torch does it through NVML.
    """
    nothing: dict[str, object] = {"cuda": "", "cuda_memory_bytes": 0}
    if torch.cuda.device_count() == 0:
        return nothing
    guard = Guard(_CUDA_START_S, None, _CUDA_THREADS, gpu=True, readable=readable)
    told = supervise(_tell_cuda, Limits(64 << 10, guard), host.control).frames
    facts: dict[str, object] = json.loads(told[0].payload) if told else nothing
    return facts


def _tell_cuda(fd: int) -> None:
    facts = torch.cuda.get_device_properties(0)
    text = json.dumps({"cuda": facts.name, "cuda_memory_bytes": facts.total_memory})
    frames.write(fd, frames.REPORT, text.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--readable", action="append")
    asked = parser.parse_args()
    main(asked.bundle, asked.readable)
