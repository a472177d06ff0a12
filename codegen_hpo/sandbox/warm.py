"""The host's side of one warm worker, whatever wall is around it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome, Status
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.inbox import GoneError, Inbox, LateError
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.outcome import Received, Shape, read_outcome
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.sandbox.protocol import (
    HELLO,
    PROTOCOL,
    VERDICT,
    BadFrameError,
    Frame,
    HelloData,
    VerdictData,
    encode_job,
    read_frame,
    read_json,
)

_FRAMES_A_JOB = 2000  # more checks than any space has corners


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A started worker: where its frames arrive, how to send, what it complained of, how to end it."""

    inbox: Inbox
    send: Callable[[bytes], None]  # raises OSError when the worker is gone
    complaints: Callable[[], str]  # the tail of its stderr
    end: Callable[[], None]  # ends it and everything below it; may be called twice


class WarmWorker:
    """A worker that is started by `connect`, and started again after it died."""

    def __init__(
        self, connect: Callable[[], Connection], bundle: Path, limits: Limits, *, limit_memory: bool
    ) -> None:
        self._connect, self._limits, self._limit_memory = connect, limits, limit_memory
        self._shape = _output_shape(bundle)
        self._connection: Connection | None = None
        self._closed = False
        self.hello = self._start()

    def run(self, job: Job) -> Outcome:
        """The job's outcome; see `base.Worker`."""
        if self._closed:
            raise SandboxError("the sandbox worker is closed; open another one")
        if self._connection is None:
            self._start()
        assert self._connection is not None
        try:
            received = self._exchange(self._connection, job)
        except (GoneError, OSError, BadFrameError) as error:
            return self._lost(job, "killed", f"the sandbox worker died: {error or 'it closed its pipes'}")
        except LateError:
            return self._lost(job, "timeout", f"no result within {job.timeout_s:.0f} s; the worker was ended")
        except BaseException:  # Ctrl-C: the job must not run on
            self._drop()
            raise
        return read_outcome(job, received, self._shape)

    def close(self) -> None:
        """Ends the worker; see `base.Worker`."""
        self._closed = True
        self._drop()

    def _start(self) -> Hello:
        connection = self._connect()
        try:
            frame = read_frame(connection.inbox, time.monotonic() + self._limits.start_s, 0)
            if frame.kind != HELLO:
                raise BadFrameError(f"frame {frame.kind!r}, expected a hello")
            data = read_json(frame.payload, HelloData)
            if data.protocol != PROTOCOL:
                raise BadFrameError(f"the worker speaks protocol {data.protocol}, expected {PROTOCOL}")
        except (GoneError, LateError, BadFrameError) as error:
            connection.end()
            reason = str(error) or {GoneError: "it ended", LateError: "it did not answer"}[type(error)]
            said = short(connection.complaints()) or "nothing"
            raise SandboxError(
                f"the sandbox worker did not start: {reason}; it said: {said}",
                hint="run `codegen-hpo doctor`",
            ) from None
        except BaseException:
            connection.end()
            raise
        self._connection = connection
        return Hello(
            python=data.python, torch=data.torch, cuda=data.cuda, cuda_memory_bytes=data.cuda_memory_bytes
        )

    def _exchange(self, connection: Connection, job: Job) -> Received:
        connection.send(encode_job(job, self._limits, limit_memory=self._limit_memory))
        deadline = time.monotonic() + job.timeout_s + self._limits.grace_s
        frames: list[Frame] = []
        for _ in range(_FRAMES_A_JOB):
            frame = read_frame(connection.inbox, deadline, self._limits.result_bytes)
            if frame.kind == VERDICT:
                return Received(read_json(frame.payload, VerdictData), frames)
            frames.append(frame)
        raise BadFrameError(f"more than {_FRAMES_A_JOB} frames for one job")

    def _lost(self, job: Job, status: Status, error: str) -> Outcome:
        said = self._connection.complaints() if self._connection else ""
        self._drop()
        return Outcome(status=status, error=short(f"{error}\n{said[-500:]}"), device=job.device)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()


def _output_shape(bundle: Path) -> Shape:
    """Rows of the bundle's evaluation part and outputs a row. Raises SandboxError for a broken bundle."""
    try:
        meta = json.loads((bundle / "meta.json").read_text(encoding="utf-8"))
        with (bundle / "eval_num.npy").open("rb") as file:
            np.lib.format.read_magic(file)
            rows = np.lib.format.read_array_header_1_0(file)[0][0]
        return Shape(rows, int(meta["n_outputs"]))
    except (OSError, ValueError, KeyError) as error:
        raise SandboxError(f"the bundle {bundle} cannot be read: {error}") from None
