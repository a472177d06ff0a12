import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import frames
import pytest
import seccomp
from guard import Guard, harden_server
from supervise import Child, Limits, Result, Watch, start, supervise, watch

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a guard of Linux")


GUARD = Guard(wall_s=20.0, memory_bytes=1 << 30, threads=64, gpu=False, readable=None)


def start_threads(count: int) -> None:
    for _ in range(count):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


def test_a_child_that_ends_is_told_with_all_it_sent(guarded: Callable[..., Result]) -> None:
    def work(fd: int) -> None:
        print("hello")
        frames.write(fd, frames.STAGE, b"step 3")
        frames.write(fd, frames.OUTPUTS, b"1234")

    result = guarded(work)
    assert result.verdict[:3] == ("exited", 0, "step 3")
    assert result.frames == [(frames.OUTPUTS, b"1234")]
    assert result.printed == b"hello\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "fate", "detail"),
    [
        (lambda fd: os._exit(7), "exited", 7),
        (lambda fd: os.kill(os.getpid(), signal.SIGABRT), "signal", signal.SIGABRT),
        (lambda fd: time.sleep(1000), "timeout", signal.SIGKILL),
        (lambda fd: os.kill(os.getpid(), signal.SIGSTOP), "timeout", signal.SIGKILL),
        (lambda fd: [os.write(1, bytes(1 << 20)) for _ in range(99)], "flood", signal.SIGKILL),
        (lambda fd: [os.write(fd, bytes(1 << 20)) for _ in range(99)], "bad_frames", signal.SIGKILL),
        (lambda fd: (os.write(fd, b"K\xff\xff\xff\xff"), time.sleep(1000)), "bad_frames", signal.SIGKILL),
    ],
)
def test_the_end_of_a_child_is_named(
    guarded: Callable[..., Result], work: Callable[[int], Any], fate: str, detail: int
) -> None:
    verdict = guarded(work, wall_s=2.0).verdict
    assert (verdict.fate, verdict.detail) == (fate, detail)


def test_closed_pipes_are_not_the_end_of_a_child(guarded: Callable[..., Result]) -> None:
    def work(fd: int) -> None:
        os.closerange(0, 256)
        time.sleep(1000)

    assert guarded(work, wall_s=0.5).verdict.fate == "timeout"


@linux
def test_too_many_threads_end_a_child(guarded: Callable[..., Result]) -> None:
    verdict = guarded(lambda fd: (start_threads(20), time.sleep(1000)), threads=8).verdict
    assert (verdict.fate, verdict.detail) == ("threads", 8)


@linux
def test_as_many_threads_as_allowed_are_fine(guarded: Callable[..., Result]) -> None:
    assert guarded(lambda fd: (start_threads(7), time.sleep(0.3)), threads=8).verdict[:2] == ("exited", 0)


@linux
def test_processes_are_ended_where_no_filter_forbids_them(
    guarded: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(seccomp, "install", lambda gpu: None)

    def work(fd: int) -> None:
        for _ in range(5):
            if os.fork() == 0:
                os.setsid()
                frames.write(1, frames.OUTPUTS, b"")
                time.sleep(1000)
        print(os.getpid())

    before = time.monotonic()
    assert guarded(work).verdict.fate == "exited"
    assert time.monotonic() - before < 15  # it does not wait for them


@pytest.mark.slow
@linux
def test_sixty_jobs_leave_nothing_in_the_server(apart: Callable[..., Any]) -> None:
    def leave_threads(fd: int) -> None:
        start_threads(3)
        frames.write(fd, frames.OUTPUTS, bytes(100))

    works: tuple[tuple[str, Callable[[int], Any]], ...] = (
        ("exited", lambda fd: None),
        ("exited", leave_threads),
        ("signal", lambda fd: os.kill(os.getpid(), signal.SIGKILL)),
        ("bad_frames", lambda fd: (os.write(fd, bytes(100)), time.sleep(10))),
        ("exited", lambda fd: os.closerange(0, 256)),
        ("timeout", lambda fd: time.sleep(10)),
    )

    def serve() -> tuple[list[str], list[str], list[str], int]:
        harden_server()
        control, _host = os.pipe()
        limits = Limits(1 << 20, Guard(0.2, None, 64, gpu=False, readable=None))
        before = os.listdir("/proc/self/fd")
        fates = [supervise(works[at % 6][1], limits, control).verdict.fate for at in range(60)]
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        zombies = len(children.read_text().split()) if children.exists() else 0
        return fates, before, os.listdir("/proc/self/fd"), zombies

    fates, before, after, zombies = apart(serve)
    assert fates == [fate for fate, _ in works] * 10
    assert (after, zombies) == (before, 0)


def test_a_host_that_goes_away_ends_the_child(apart: Callable[..., Any]) -> None:
    def flood(fd: int) -> None:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        while True:
            os.write(1, b"x" * 10)

    def serve() -> tuple[str, float]:
        harden_server()
        control, host = os.pipe()
        threading.Timer(0.5, os.close, (host,)).start()
        before = time.monotonic()
        try:
            supervise(flood, Limits(1 << 20, Guard(30.0, None, 64, gpu=False, readable=None)), control)
        except frames.ClosedError:
            return "closed", time.monotonic() - before
        return "", 0.0

    said, seconds = apart(serve)
    assert said == "closed"
    assert seconds < 5


@linux
def test_what_is_wrong_in_the_last_bytes_of_a_dead_child_kills_nobody(apart: Callable[..., Any]) -> None:
    def late() -> tuple[Any, ...]:
        (printed, writing), (result, _), (control, _) = os.pipe(), os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        watched = Watch(Child(pid, printed, result), control, Limits(1000, GUARD))
        watched.until(time.monotonic() + 10)  # it is dead, and its number free
        os.write(writing, b"x")
        watched._sources = {printed: lambda _: False}
        watched._read(100)
        return watched.result().verdict[:2]

    assert apart(late) == ("flood", 0)


def test_a_flood_of_points_is_thinned(apart: Callable[..., Any]) -> None:
    def work(fd: int) -> None:
        began = time.monotonic()
        while time.monotonic() < began + 0.5:
            frames.write(fd, frames.POINT, b"here")

    def passed() -> list[str]:
        points: list[str] = []
        harden_server()
        control, host = os.pipe()
        child = start(lambda _: (GUARD, work))
        verdict = watch(
            child, Limits(64 << 20, GUARD), control, passed=lambda p: points.append(p.decode())
        ).verdict
        os.close(host)
        return [verdict.fate, *points]

    assert apart(passed) in [["exited", *["here"] * count] for count in (2, 3, 4)]
