import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from guard import harden_server
from kernel import kill_descendants, memory_limit, oom_kills, thread_count

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a guard of Linux")
V2_EVENTS = "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n"
V1_CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"
NESTED_V1 = "12:pids:/docker/abc\n11:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n"


class Groups:
    """A made-up /sys/fs/cgroup and /proc/self/cgroup."""

    def __init__(self, folder: Path) -> None:
        self.root, self.membership = folder / "cgroup", folder / "membership"

    def write(self, membership: str, files: dict[str, str]) -> None:
        self.membership.write_text(membership)
        for name, text in files.items():
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def oom_kills(self) -> int:
        return oom_kills(self.root, self.membership)

    def memory_limit(self) -> int | None:
        return memory_limit(self.root, self.membership)


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def test_a_container_of_version_2_is_the_root_of_its_view(groups: Groups) -> None:
    groups.write("0::/\n", {"memory.events": V2_EVENTS, "memory.max": "1073741824\n"})
    assert groups.oom_kills() == 2
    assert groups.memory_limit() == 1 << 30


def test_a_service_of_version_2_is_found_below_the_root(groups: Groups) -> None:
    files = {
        "user.slice/memory.max": "2000\n",
        "user.slice/memory.events": V2_EVENTS.replace("oom_kill 2", "oom_kill 9"),
        "user.slice/app.scope/memory.max": "max\n",
        "user.slice/app.scope/memory.events": V2_EVENTS,
    }
    groups.write("0::/user.slice/app.scope\n", files)
    assert groups.oom_kills() == 2
    assert groups.memory_limit() == 2000  # of the group above


def test_a_container_of_version_1_is_mounted_at_the_root_under_the_host_s_path(groups: Groups) -> None:
    files = {"memory/memory.oom_control": V1_CONTROL, "memory/memory.limit_in_bytes": "536870912\n"}
    groups.write(NESTED_V1, files)
    assert groups.oom_kills() == 5
    assert groups.memory_limit() == 1 << 29


def test_a_group_of_version_1_is_found_below_the_root(groups: Groups) -> None:
    unlimited = "9223372036854771712\n"
    files = {
        "memory/memory.oom_control": V1_CONTROL,
        "memory/memory.limit_in_bytes": unlimited,
        "memory/docker/abc/memory.oom_control": V1_CONTROL.replace("5", "1"),
        "memory/docker/abc/memory.limit_in_bytes": unlimited,
        "unified/docker/abc/memory.events": V2_EVENTS,
    }
    groups.write(NESTED_V1, files)
    assert groups.oom_kills() == 1
    assert groups.memory_limit() is None


def test_an_old_kernel_without_the_counter_tells_nothing(groups: Groups) -> None:
    groups.write(NESTED_V1, {"memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"})
    assert groups.oom_kills() == 0


@pytest.mark.parametrize("membership", ["", "nonsense\n", "0::/../../outside\n"])
def test_no_groups_at_all_is_no_limit(groups: Groups, membership: str) -> None:
    groups.write(membership, {})
    assert groups.oom_kills() == 0
    assert groups.memory_limit() is None


@linux
def test_threads_are_counted() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert thread_count(process.pid) == 1
        process.kill()
    assert thread_count(process.pid) == 0


@linux
def test_a_whole_family_is_ended(apart: Callable[..., Any]) -> None:
    def work() -> list[int]:
        harden_server()
        reading, writing = os.pipe()
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:  # orphaned, in another session
                    os.write(writing, f"{os.getpid()}\n".encode())
                    time.sleep(1000)
                os._exit(0)
        lines = b""
        while lines.count(b"\n") < 3:
            lines += os.read(reading, 100)
        kill_descendants()
        return [int(line) for line in lines.split()]

    pids = apart(work)
    assert len(pids) == 3
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
