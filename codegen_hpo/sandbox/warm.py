"""The host's side of one warm worker, whatever wall is around it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Epoch, Job, Outcome, Status
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.bundle_facts import read_bundle_facts
from codegen_hpo.sandbox.inbox import GoneError, Inbox, LateError
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.outcome import Received, Shape, read_outcome
from codegen_hpo.sandbox.plain_text import short
from codegen_hpo.sandbox.protocol import (
    HELLO,
    POINT,
    PROTOCOL,
    VERDICT,
    BadFrameError,
    Frame,
    HelloData,
    VerdictData,
    encode_job,
    read_frame,
    read_json,
    read_point,
)

_log = logging.getLogger(__name__)
_DRIVER = Path("/dev/nvidiactl")  # there is a GPU on this machine, whatever torch makes of it
_FRAMES_A_JOB = 2000  # more checks than any space has corners
# What a guarded child of each worker tries when the worker starts, and must be refused behind a wall: a
# socket, a child process, another program, a signal to its parent, that one's memory, a file to write.
WALLED = ("network", "process", "exec", "signals", "server", "writing")


class UnseenBundleError(SandboxError):
    """A worker that does not see the host's bundle: it runs on another machine."""


class _SilentEndError(SandboxError):
    """A worker that ended before it was ready, and said nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """What is around the workers of one back end."""

    name: str
    must_refuse: tuple[str, ...] = WALLED  # what a child must not be able to do, or the worker is not used
    limit_memory: bool = True  # the child limits itself; False where a container's control group does
    device: str = "cpu"  # what was asked for: a worker without a GPU is not used for "cuda"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A started worker: where its frames arrive, how to send, what it complained of, how to end it."""

    inbox: Inbox
    send: Callable[[bytes], None]  # raises OSError when the worker is gone
    complaints: Callable[[], str]  # the tail of its stderr
    end: Callable[[], None]  # ends it and everything below it; may be called twice
    notices: tuple[str, ...] = ()  # what is not as it was asked for: no GPU


class WarmWorker:
    """A worker that is started by `connect`, and started again after it died."""

    def __init__(self, connect: Callable[[], Connection], bundle: Path, limits: Limits, wall: Wall) -> None:
        self._connect, self._limits, self._wall = connect, limits, wall
        self._bundle = read_bundle_facts(bundle)
        self._networks = 0  # that the worker's resident child holds
        self._connection: Connection | None = None
        self._closed = False
        self.hello = self._start()

    def run(self, job: Job) -> Outcome:
        """The job's outcome; see `base.Worker`."""
        if self._closed:
            raise SandboxError("the sandbox worker is closed; open another one")
        try:
            received = self._exchange_twice(job)
        except _DIED as error:
            return self._lost(job, "killed", f"the sandbox worker died: {error or 'it closed its pipes'}")
        except BadFrameError as error:
            return self._lost(job, "bad_result", f"the sandbox worker is not to be trusted: {error}")
        except LateError:
            return self._lost(job, "timeout", f"no result within {job.timeout_s:.0f} s; the worker was ended")
        except BaseException:  # Ctrl-C: the job must not run on
            self._drop()
            raise
        outcome = read_outcome(job, received, self._shape(job))
        if job.kind == "load" and outcome.status == "ok":
            self._networks = len(job.networks)
        return outcome

    def _shape(self, job: Job) -> Shape:
        """Of the outputs that a job owes."""
        shape = self._bundle.shape
        if job.kind == "rows":
            assert job.rows is not None
            return Shape(len(job.rows[0]), shape.n_outputs * self._networks)
        return Shape(shape.rows, shape.n_outputs * max(1, len(job.networks)))

    def close(self) -> None:
        """Ends the worker; see `base.Worker`."""
        self._closed = True
        self._drop()

    def _exchange_twice(self, job: Job) -> Received:
        """What the worker sent. Perhaps the engine was stopped: only a second death is the job's fault."""
        try:
            return self._exchange(job)
        except _DIED as error:
            if self._closed:
                raise
            _log.info("the sandbox worker died (%s); the job is run again in a new one", error)
            self._drop()
        return self._exchange(job)

    def _exchange(self, job: Job) -> Received:
        if self._connection is None:
            self.hello = self._start()
        connection = self._connection
        if connection is None:  # closed by another thread
            raise GoneError
        wall = self._wall
        shape = self._shape(job)
        output_bytes = 4 * shape.rows * shape.n_outputs  # float32
        connection.send(
            encode_job(job, self._limits, limit_memory=wall.limit_memory, output_bytes=output_bytes)
        )
        deadline = time.monotonic() + job.timeout_s + self._limits.grace_s
        frames: list[Frame] = []
        while len(frames) < _FRAMES_A_JOB:
            frame = read_frame(connection.inbox, deadline, self._limits.sent_bytes)
            if frame.kind == VERDICT:
                return Received(read_json(frame.payload, VerdictData), frames)
            if frame.kind != POINT:
                frames.append(frame)
            elif time.monotonic() > deadline:  # nothing else ends a worker that has no end of points
                raise LateError
            elif job.passed and (point := read_point(frame.payload)):
                job.passed(Epoch(*point))
        raise BadFrameError(f"more than {_FRAMES_A_JOB} frames for one job")

    def _start(self) -> Hello:
        """A new worker's hello. Raises SandboxError, and UnseenBundleError for one on another machine."""
        try:
            return self._start_now()
        except _SilentEndError:
            # a worker that fails says why: this one was ended, perhaps with its engine
            return self._start_now()

    def _start_now(self) -> Hello:
        try:
            self._connection = connection = self._connect()
        except OSError as error:  # of this machine, as too many open files; not a worker that died
            raise SandboxError(
                f"the sandbox worker cannot be started: {error}", hint="run `codegen-hpo doctor`"
            ) from error
        try:
            hello = self._accepted(self._greeting(connection), connection.notices)
        except (GoneError, LateError, BadFrameError) as error:
            reason = str(error) or {GoneError: "it ended", LateError: "it did not answer"}[type(error)]
            self._drop()  # all that it said has been read then
            said = short(connection.complaints())
            silent = isinstance(error, GoneError) and not said and not self._closed
            raise (_SilentEndError if silent else SandboxError)(
                f"the sandbox worker did not start: {reason}; it said: {said or 'nothing'}",
                hint="run `codegen-hpo doctor`",
            ) from None
        except BaseException:
            self._drop()
            raise
        if self._closed:  # by another thread, which may have met no connection yet
            self._drop()
        return hello

    def _greeting(self, connection: Connection) -> HelloData:
        frame = read_frame(connection.inbox, time.monotonic() + self._limits.start_s, 0)
        if frame.kind != HELLO:
            raise BadFrameError(f"frame {frame.kind!r}, expected a hello")
        data = read_json(frame.payload, HelloData)
        if data.protocol != PROTOCOL:
            raise BadFrameError(f"the worker speaks protocol {data.protocol}, expected {PROTOCOL}")
        return data

    def _accepted(self, data: HelloData, notices: tuple[str, ...]) -> Hello:
        """The hello of a worker that is what it was to be. Raises SandboxError."""
        wall = self._wall
        if data.bundle != self._bundle.fingerprint:
            raise UnseenBundleError(
                "the worker does not see this machine's files", hint="run `codegen-hpo doctor`"
            )
        if holes := [name for name in wall.must_refuse if name not in data.refused]:
            raise SandboxError(
                f"the {wall.name} sandbox lets code through it: {', '.join(holes)} not refused",
                hint="choose another one with --sandbox; codegen-hpo sandbox check tells more",
            )
        if wall.device == "cuda" and not data.cuda:
            raise SandboxError(
                f"in the sandbox {wall.name} torch {data.torch} sees no such GPU",
                hint="see that nvidia-smi works and torch has CUDA; --device auto takes the CPU instead",
            )
        if wall.device == "auto" and not data.cuda and _DRIVER.exists():
            notices += (f"trials run on the CPU: torch {data.torch} in the sandbox {wall.name} sees no GPU",)
        return Hello(
            python=data.python,
            torch=data.torch,
            cuda=data.cuda,
            cuda_memory_bytes=data.cuda_memory_bytes,
            memory_limit_bytes=data.memory_limit_bytes,
            refused=tuple(data.refused),
            sandbox=wall.name,
            notices=notices,
        )

    def _lost(self, job: Job, status: Status, error: str) -> Outcome:
        said = self._connection.complaints() if self._connection else ""
        self._drop()
        return Outcome(status=status, error=short(f"{error}\n{said[-500:]}"), device=job.device)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.end()
        except (SandboxError, OSError) as error:
            # of an engine that is gone: what it runs removes itself, or is swept at the next start
            _log.warning("a sandbox worker could not be ended: %s", error)


_DIED = (GoneError, OSError)
