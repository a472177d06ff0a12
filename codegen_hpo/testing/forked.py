"""A sandbox without a wall: the worker's own code in a fork of the test's process, which starts at once."""

import json
import os
import platform
import struct
import sys
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from codegen_hpo.records import Job, Outcome
from codegen_hpo.resources import resource
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.bundle_facts import read_bundle_facts
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.outcome import Received, Shape, read_outcome
from codegen_hpo.sandbox.protocol import Frame, VerdictData, encode_job

_HEADER = struct.Struct("<cI")


class ForkedSandbox:
    """For code that you trust: nothing is refused, and nothing limits a job's time. It can be pickled."""

    name = "forked"

    def __repr__(self) -> str:
        return "ForkedSandbox()"  # the same in each process: it is part of the names of tests

    def open(self, bundle: Path) -> "ForkedWorker":
        _worker("late_imports").take()
        return ForkedWorker(bundle)


class ForkedWorker:
    """Does each job in a fork; a `rows` job loads the networks of the last `load` job again."""

    hello = Hello(python=platform.python_version(), torch=torch.__version__, cuda="", sandbox="forked")

    def __init__(self, bundle: Path) -> None:
        self._shape = read_bundle_facts(bundle).shape
        self._child, self._frames = _worker("child"), _worker("frames")
        self._bundle = _worker("bundle").Bundle(bundle)
        self._loading: list[Frame] = []
        self._networks = 0

    def run(self, job: Job) -> Outcome:
        """The outcome; see `sandbox.base.Worker`."""
        sent = _split(encode_job(job, Limits(), limit_memory=False, output_bytes=0))
        rows, n_outputs = self._shape
        if job.kind == "load":
            self._loading, self._networks = sent, len(job.networks)
        if job.rows:
            rows, n_outputs = len(job.rows[0]), n_outputs * self._networks
        elif job.networks:
            n_outputs *= len(job.networks)
        file = os.memfd_create("result")
        try:
            if (pid := os.fork()) == 0:
                self._work(job, sent, file)
            _, status = os.waitpid(pid, 0)
            os.lseek(file, 0, os.SEEK_SET)
            with open(file, "rb", closefd=False) as result:
                found = _split(result.read())
        finally:
            os.close(file)
        stages = [frame.payload.decode() for frame in found if frame.kind == self._frames.STAGE]
        verdict = VerdictData(
            fate="exited" if os.WIFEXITED(status) else "signal",
            detail=os.waitstatus_to_exitcode(status),
            stage=stages[-1] if stages else "",
            seconds=0.0,
            peak_memory_bytes=0,
        )
        told = [frame for frame in found if frame.kind not in (self._frames.STAGE, self._frames.POINT)]
        if job.rows:  # the load's report comes first
            told = told[1:]
        return read_outcome(job, Received(verdict, told), Shape(rows, n_outputs))

    def close(self) -> None:
        self._loading = []

    def _work(self, job: Job, sent: list[Frame], file: int) -> None:
        """The child's part: it leaves the process."""
        try:
            if job.kind in ("load", "rows"):
                requests = os.memfd_create("requests")
                for frame in sent if job.rows else ():
                    self._frames.write(requests, frame.kind, frame.payload)
                os.lseek(requests, 0, os.SEEK_SET)
                loading, weights = (frame.payload for frame in self._loading)
                self._child.reside(json.loads(loading), weights, self._bundle, requests, file)
            else:
                self._child.run(json.loads(sent[0].payload), sent[1].payload, self._bundle, file)
            os._exit(0)
        finally:
            os._exit(1)


def _split(data: bytes) -> list[Frame]:
    stream, found = BytesIO(data), []
    while header := stream.read(_HEADER.size):
        kind, length = _HEADER.unpack(header)
        found.append(Frame(kind, stream.read(length)))
    return found


def _worker(module: str) -> Any:
    """A module of the worker, which knows its neighbours by their bare names."""
    folder = str(resource("sandbox") / "worker")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return import_module(module)
