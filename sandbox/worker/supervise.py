"""Runs one child to its end, whatever it does: the verdict is the server's, not the child's."""

import io
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import frames
from guard import Guard, lock_down
from kernel import kill_descendants, oom_kills, thread_count
from printed import Printed

_CHUNK = 1 << 16
_POINTS_S = 0.2  # at least between two points of a training that are passed on
_LAST_READS_S = 1.0  # what is in the pipes of a dead child is read for this long
# between two counts of a child's threads; without pidfd its death must be asked for, too
_TICK_MS = 50 if hasattr(os, "pidfd_open") else 20


class Limits(NamedTuple):
    """What a child may use."""

    result_bytes: int  # all that it may send
    guard: Guard
    output_bytes: int | None = None  # its predictions among that; None: as many as the rest


class Verdict(NamedTuple):
    """How a child ended."""

    fate: str  # "exited", "signal", "timeout", "oom", "flood", "threads" or "bad_frames"
    detail: int  # exit status, signal number, or how many threads are allowed
    stage: str  # the last one that it named
    seconds: float
    peak_memory_bytes: int


class Result(NamedTuple):
    verdict: Verdict
    frames: list[frames.Frame]
    printed: bytes


class Child(NamedTuple):
    """A process of its own, and the pipes that it writes to."""

    pid: int
    printed: int
    result: int


# What a child does first, with the descriptor that it inherited: it learns its guard and its work, which is
# then called under the guard with the descriptor of the result pipe.
Begin = Callable[[int], tuple[Guard, Callable[[int], None]]]


def supervise(work: Callable[[int], None], limits: Limits, control: int) -> Result:
    """Forks a child that calls `work(fd)` under guard, and watches it; see `watch`."""
    return watch(start(lambda _: (limits.guard, work)), limits, control)


def start(begin: Begin, inherited: int | None = None) -> Child:
    """A forked child that begins so. It keeps `inherited`, and nothing else of this process's descriptors.

    Raises OSError where there may be no more processes.
    """
    printed_r, printed_w = os.pipe()
    result_r, result_w = os.pipe()
    server = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        for fd in (printed_r, printed_w, result_r, result_w):
            os.close(fd)
        raise
    if pid == 0:
        _become_child(begin, (printed_w, result_w, inherited), server)
    os.close(printed_w)
    os.close(result_w)
    return Child(pid, printed_r, result_r)


def watch(
    child: Child,
    limits: Limits,
    control: int,
    keep: int | None = None,
    passed: Callable[[bytes], None] = lambda _: None,
) -> Result:
    """Waits for the child and everything it sent, within the limits; ends what it leaves behind.

    Args:
        control: shows that the host is gone: then the child is ended, and frames.ClosedError raised.
        keep: another child, which lives on.
        passed: called with points of a training as they come; of a child that floods, with some.
    """
    watched = Watch(child, control, limits, passed)
    try:
        watched.until(watched.started + limits.guard.wall_s)
    finally:
        watched.end(keep)
    return watched.result()


def _become_child(begin: Begin, pipes: tuple[int, int, int | None], server: int) -> None:
    printed, result, inherited = pipes
    status = 1
    try:
        null = os.open("/dev/null", os.O_RDWR)
        wanted = (null, printed, printed, result, null if inherited is None else inherited)
        # via high numbers: a pipe may itself have one of the numbers 0 to 4
        kept = [os.dup2(fd, 100 + at) for at, fd in enumerate(wanted)]
        for at, fd in enumerate(kept):
            os.dup2(fd, at)
        _close_from(5)
        for name in list(os.environ):
            if name not in _KEPT_VARIABLES:
                del os.environ[name]
        # new ones: those of the server may have looked at what was there before, a file that can seek
        sys.stdout, sys.stderr = _text_to(1), _text_to(2)
        guard, work = begin(4)
        os.close(4)
        lock_down(guard)
        if os.getppid() != server:  # it died before its death was made this child's
            return
        work(3)
        sys.stdout.flush()
        status = 0
    except BaseException:
        traceback.print_exc()  # a fault of the guard: what the candidate raises is reported by `work`
    finally:
        os._exit(status)  # no exit handler of the candidate runs


def _text_to(fd: int) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(fd, "w", closefd=False))
    return io.TextIOWrapper(raw, "utf-8", "replace", line_buffering=True)


def _close_from(first: int) -> None:
    """Closes what is open, without a walk over all numbers there may be, of which some systems have 2**30."""
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        numbers = list(range(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 16)))
    for fd in numbers:
        if fd >= first:
            with suppress(OSError):
                os.close(fd)


_KEPT_VARIABLES = {
    "PATH",
    "LANG",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "CUBLAS_WORKSPACE_CONFIG",
    "TORCHINDUCTOR_CACHE_DIR",
}


class Watch:
    """The pipes of one child, and its end."""

    def __init__(
        self,
        child: Child,
        control: int,
        limits: Limits,
        passed: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        pid, printed, result = child
        self._pass_on, self._passed_at = passed, 0.0
        self.begin_anew(limits)
        self._pid, self._fate, self._threads = pid, "", limits.guard.threads
        self._status: int | None = None
        self._peak = 0
        self._sources = {
            printed: lambda data: self._printed.feed(data),
            result: lambda data: self._splitter.feed(data),
        }
        self._faults = {printed: "flood", result: "bad_frames"}
        self._control = control
        self._poll = select.poll()
        for fd in self._sources:
            self._poll.register(fd, select.POLLIN)
        self._poll.register(control, 0)  # only a hang-up: a next job may be waiting there
        self._fds = [printed, result]
        if hasattr(os, "pidfd_open"):
            self._fds.append(os.pidfd_open(pid))
            self._poll.register(self._fds[-1], select.POLLIN)

    def begin_anew(self, limits: Limits) -> None:
        """Forgets what the child sent so far: a next piece of its work begins."""
        self._printed = Printed()
        self._splitter = frames.Splitter(limits.result_bytes, limits.output_bytes, self._passed)
        self.started, self._kills = time.monotonic(), oom_kills()

    def answer(self, wall_s: float) -> tuple[Result, bool]:
        """What the child sends up to its next report, and whether it lives on."""
        self.until(self.started + wall_s, reported=True)
        return self.result(), self._status is None

    def until(self, deadline: float, *, reported: bool = False) -> None:
        """Reads until the child is dead; ends it at the deadline or when it floods.

        With `reported` a report is enough.
        """
        counted = 0.0  # when its threads were
        while self._status is None:
            if reported and not self._fate and self._splitter.has(frames.REPORT):
                return
            left_ms = (deadline - time.monotonic()) * 1000
            if left_ms <= 0:
                self._stop("timeout")
            elif time.monotonic() > counted + _TICK_MS / 1000:
                counted = time.monotonic()
                if thread_count(self._pid) > self._threads:
                    self._stop("threads")
            self._read(max(1, min(_TICK_MS, int(left_ms) + 1)))
            self._reap(os.WNOHANG)
        last = time.monotonic() + _LAST_READS_S
        while self._sources and time.monotonic() < last and self._read(0):
            pass

    def end(self, keep: int | None) -> None:
        """Kills what is left, but the child `keep`, and closes the pipes."""
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)
            self._reap(0)
        kill_descendants(keep)
        for fd in self._fds:
            os.close(fd)

    def result(self) -> Result:
        """What was read, and how the child ended, if it did."""
        verdict = self._verdict(time.monotonic() - self.started, oom_kills() > self._kills)
        return Result(verdict, self._splitter.frames, self._printed.kept())

    def _verdict(self, seconds: float, oom_killed: bool) -> Verdict:
        status = self._status or 0
        signalled = os.WIFSIGNALED(status)
        detail = os.WTERMSIG(status) if signalled else os.WEXITSTATUS(status)
        fate = self._fate or ("signal" if signalled else "exited")
        if fate == "threads":
            detail = self._threads
        if oom_killed and fate == "signal" and detail == signal.SIGKILL:
            fate = "oom"
        return Verdict(fate, detail, self._splitter.stage, seconds, self._peak)

    def _read(self, timeout_ms: int) -> bool:
        """Whether anything was read."""
        read = False
        for fd, event in self._poll.poll(timeout_ms):
            if fd == self._control and event & (select.POLLHUP | select.POLLERR):
                raise frames.ClosedError
            if fd not in self._sources:
                continue
            data = os.read(fd, _CHUNK)
            read = True
            if not data:
                self._poll.unregister(fd)
                del self._sources[fd]
            elif not self._fate and not self._sources[fd](data):
                self._stop(self._faults[fd])
        return read

    def _stop(self, fate: str) -> None:
        if not self._fate:
            self._fate = fate
            if self._status is None:  # else its number may be another process's by now
                os.kill(self._pid, signal.SIGKILL)

    def _passed(self, point: bytes) -> None:
        if (now := time.monotonic()) >= self._passed_at + _POINTS_S:
            self._passed_at = now
            self._pass_on(point)

    def _reap(self, options: int) -> None:
        pid, status, usage = os.wait4(self._pid, options)
        if pid:
            self._status = status
            # kilobytes on Linux, bytes on macOS
            self._peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
