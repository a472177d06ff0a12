"""The host's side against workers that lie, stall and break: small programs instead of the real one."""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox.bundle_facts import fingerprint
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.pipes import start_worker
from codegen_hpo.sandbox.protocol import PROTOCOL
from codegen_hpo.sandbox.warm import WALLED, Connection, UnseenBundleError, Wall, WarmWorker

LIMITS = Limits(start_s=20.0, grace_s=1.0, result_bytes=1 << 20)
JOB = Job(kind="train", source="pass", timeout_s=5.0)
HELLO = {"protocol": PROTOCOL, "python": "3", "torch": "2", "refused": list(WALLED)}

SEND = """
import json, os, struct, sys, time
def send(kind, data):
    os.write(1, struct.pack("<cI", kind, len(data)) + data)
def receive():
    kind, length = struct.unpack("<cI", sys.stdin.buffer.read(5))
    sys.stdin.buffer.read(length)
send(b"H", sys.argv[1].encode())
"""
Open = Callable[..., WarmWorker]


@pytest.fixture
def opened(bundle: Path) -> Open:
    """Opens a worker that says the hello, then does what the code says."""

    def open_worker(code: str = "", *, wall: Wall | None = None, **hello: object) -> WarmWorker:
        said = json.dumps({**HELLO, "bundle": fingerprint(bundle), **hello})

        def connect() -> Connection:
            return start_worker([sys.executable, "-c", SEND + code, said], dict(os.environ), LIMITS)

        return WarmWorker(connect, bundle, LIMITS, wall or Wall(name="small"))

    return open_worker


def test_a_hole_in_the_wall_is_named(opened: Open) -> None:
    with pytest.raises(SandboxError, match="network, writing not refused"):
        opened(refused=["process", "exec", "signals", "server"])


def test_a_worker_of_another_version_is_not_used(opened: Open) -> None:
    with pytest.raises(SandboxError, match=rf"speaks protocol 1, expected {PROTOCOL}"):
        opened(protocol=1)


def test_a_worker_that_sees_another_bundle_is_told_from_one_that_broke(opened: Open) -> None:
    with pytest.raises(UnseenBundleError):
        opened(bundle="")


def test_a_worker_that_ends_before_its_hello_is_quoted(bundle: Path) -> None:
    command = [sys.executable, "-c", "import torch_of_mine"]
    with pytest.raises(SandboxError, match=r"(?s)it ended; it said: .*No module named 'torch_of_mine'"):
        WarmWorker(lambda: start_worker(command, {}, LIMITS), bundle, LIMITS, Wall(name="small"))


def test_a_program_that_is_not_there_is_a_fault_of_the_host(bundle: Path) -> None:
    with pytest.raises(SandboxError, match="cannot be started"):
        WarmWorker(lambda: start_worker(["/nonexistent"], {}, LIMITS), bundle, LIMITS, Wall(name="small"))


def test_a_gpu_that_was_named_is_not_replaced_by_the_cpu(opened: Open) -> None:
    needs = Wall(name="small", device="cuda")
    with pytest.raises(SandboxError, match="sees no such GPU"):
        opened(wall=needs)
    worker = opened("sys.stdin.read()", wall=needs, cuda="H", cuda_memory_bytes=1)
    assert worker.hello.cuda == "H"
    worker.close()


def test_frames_that_no_honest_worker_sends_are_not_asked_for_twice(opened: Open, tmp_path: Path) -> None:
    count = tmp_path / "jobs"
    worker = opened(f"receive(); open({str(count)!r}, 'a').write('job\\n'); send(b'?', b''); time.sleep(60)")
    outcome = worker.run(JOB)
    assert outcome.status == "bad_result"
    assert "unknown frame" in outcome.error
    assert count.read_text() == "job\n"
    worker.close()


def test_a_worker_without_an_end_of_points_is_late(opened: Open) -> None:
    points = "(b'P' + (28).to_bytes(4, 'little') + bytes(28)) * 100"
    worker = opened(f"receive()\nwhile True: os.write(1, {points}); time.sleep(0.005)")
    outcome = worker.run(Job(kind="train", source="pass", timeout_s=1.0))
    assert outcome.status == "timeout"
    worker.close()


def test_what_a_worker_complains_of_never_fills_its_pipe(opened: Open) -> None:
    worker = opened("receive(); sys.stderr.write('x' * (1 << 22)); sys.stderr.write('the end'); sys.exit()")
    outcome = worker.run(JOB)
    assert outcome.status == "killed"
    assert outcome.error.endswith("the end")
    worker.close()


@pytest.mark.slow
def test_a_worker_that_does_not_read_its_job_holds_nobody_up(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codegen_hpo.sandbox.pipes._STALL_S", 0.5)
    worker = opened("time.sleep(60)")
    outcome = worker.run(Job(kind="predict", source="pass", weights=bytes(1 << 22)))
    assert outcome.status == "killed"
    assert "read nothing" in outcome.error
    worker.close()


def test_threads_and_descriptors_do_not_add_up(opened: Open) -> None:
    def used() -> tuple[int, int]:
        return len(os.listdir("/dev/fd")), threading.active_count()

    worker = opened("receive()")
    worker.run(JOB)
    before = used()
    for _ in range(5):
        worker.run(JOB)
    worker.close()
    assert used() <= before
