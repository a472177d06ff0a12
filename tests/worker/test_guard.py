import errno
import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import guard
import pytest
import seccomp
import torch
from guard import Guard, lock_down
from supervise import Result

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a guard of Linux")


def status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}


def limits() -> dict[str, int]:
    names = ("RLIMIT_DATA", "RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NOFILE")
    found = {name: resource.getrlimit(getattr(resource, name)) for name in names}
    assert all(soft == hard for soft, hard in found.values())
    return {name: soft for name, (soft, _) in found.items()}


def test_a_child_has_no_rights_left(told: Callable[..., Any]) -> None:
    found = told(status)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert {int(found[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}


def test_a_child_is_the_first_that_the_kernel_kills_for_memory(told: Callable[..., Any]) -> None:
    assert told(lambda: Path("/proc/self/oom_score_adj").read_text()) == "1000\n"


def test_a_child_leads_a_session_of_its_own_without_a_terminal(told: Callable[..., Any]) -> None:
    def work() -> list[bool]:
        try:
            os.open("/dev/tty", os.O_RDONLY)
        except OSError:
            return [os.getsid(0) == os.getpid(), True]
        return [os.getsid(0) == os.getpid(), False]

    assert told(work) == [True, True]


def test_limits_are_for_good_and_those_that_were_asked_for(told: Callable[..., Any]) -> None:
    found = told(limits, memory_bytes=1 << 30, wall_s=7.0)
    assert found["RLIMIT_CORE"] == found["RLIMIT_FSIZE"] == 0
    assert found["RLIMIT_NOFILE"] == 256
    assert found["RLIMIT_CPU"] == 7 * (os.cpu_count() or 1) + 10
    assert 1 << 30 < found["RLIMIT_DATA"] < found["RLIMIT_AS"]


def test_a_container_or_a_gpu_limits_less(told: Callable[..., Any]) -> None:
    unlimited = resource.RLIM_INFINITY
    in_container = told(limits, memory_bytes=None)
    assert (in_container["RLIMIT_DATA"], in_container["RLIMIT_AS"]) == (unlimited, unlimited)
    on_gpu = told(limits, gpu=True)
    assert on_gpu["RLIMIT_DATA"] != unlimited
    assert on_gpu["RLIMIT_AS"] == unlimited


def test_memory_beyond_the_limit_is_not_given(told: Callable[..., Any]) -> None:
    def work() -> list[str]:
        found = []
        for attempt in (lambda: bytearray(1 << 30), lambda: torch.zeros(1 << 29)):
            try:
                attempt()
                found.append("given")
            except (MemoryError, RuntimeError) as error:
                found.append(type(error).__name__)
        return [*found, str(len(bytearray(100 << 20)))]

    assert told(work, memory_bytes=300 << 20) == ["MemoryError", "RuntimeError", str(100 << 20)]


def test_shared_memory_has_a_limit_even_without_the_filter(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seccomp, "install", lambda gpu: None)
    monkeypatch.setattr(guard, "_ADDRESS_SLACK_BYTES", 64 << 20)

    def work() -> str:
        try:
            mmap.mmap(-1, 2 << 30)
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return "given"

    assert told(work, memory_bytes=300 << 20, threads=1) == "ENOMEM"


def test_the_server_cannot_be_looked_into(told: Callable[..., Any]) -> None:
    def work() -> list[str]:
        found = []
        looks: tuple[tuple[str, Callable[[str], Any]], ...] = (
            *(
                (name, lambda path: os.open(path, os.O_RDONLY))
                for name in ("mem", "environ", "maps", "auxv", "fd/0")
            ),
            *((name, os.readlink) for name in ("cwd", "root", "exe", "fd/1")),
        )
        for name, look in looks:
            try:
                look(f"/proc/{os.getppid()}/{name}")
                found.append(name)
            except PermissionError:
                pass
        return found

    assert told(work) == []


def test_a_child_sees_its_three_pipes_and_a_bare_environment(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")

    def work() -> list[Any]:
        opened = [fd for fd in range(256) if _is_open(fd)]
        return [opened, os.environ.get("OPENAI_API_KEY"), os.readlink("/proc/self/fd/0")]

    assert told(work) == [[0, 1, 2, 3], None, "/dev/null"]


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_too_much_processor_time_ends_a_child(
    guarded: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(guard, "_CPU_SLACK_S", -29)  # of 30: one second is left

    def work(fd: int) -> None:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        while True:
            pass

    verdict = guarded(work, wall_s=30.0).verdict
    assert (verdict.fate, verdict.detail) == ("signal", signal.SIGKILL)


def test_a_child_dies_with_its_server(apart: Callable[..., Any]) -> None:
    def work() -> bool:
        reading, writing = os.pipe()
        server = os.fork()
        if server == 0:
            child = os.fork()
            if child == 0:
                signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()))
                lock_down(Guard(20.0, None, 8, gpu=False, readable=None))
                os.write(writing, str(os.getpid()).encode())
            time.sleep(1000)
        child = int(os.read(reading, 20))
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        for _ in range(50):
            if not Path(f"/proc/{child}").exists() or _is_zombie(child):
                return True
            time.sleep(0.1)
        return False

    assert apart(work)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True
