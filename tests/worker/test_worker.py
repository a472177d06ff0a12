"""The worker as a program: what it does when its host goes away."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import frames
import pytest

from codegen_hpo.resources import resource
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import sample_source

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

GONE_S = 5.0
IGNORES = "import signal\nfor n in set(signal.valid_signals()) - {9, 19}: signal.signal(n, signal.SIG_IGN)\n"
BIG = "super().__init__(); self.register_buffer('big', torch.zeros(1 << 22))"


class Served:
    """A worker and its two pipes."""

    def __init__(self, bundle: Path, *arguments: str) -> None:
        script = resource("sandbox") / "worker" / "worker.py"
        command = [sys.executable, "-s", "-P", str(script), str(bundle), *arguments]
        environment = {"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd="/"
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def hello(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.frame().payload)
        return found

    def frame(self) -> frames.Frame:
        return frames.read(self.stdout.fileno())

    def start(self, source: str) -> None:
        job = {
            "kind": "train", "source": source, "arguments": {}, "points": [], "seed": 0, "device": "cpu",
            "threads": 1, "train_s": 60.0, "timeout_s": 60.0, "stop_after_epoch": None, "prune": [],
            "result_bytes": 1 << 28, "output_bytes": None, "processes": 32, "memory_bytes": 1 << 30,
            "keep_weights": True, "batch_rows": None,
        }  # fmt: skip
        frames.write(self.stdin.fileno(), frames.JOB, json.dumps(job).encode())
        frames.write(self.stdin.fileno(), frames.LOADED, b"")

    def children(self, guarded: bool = True) -> list[int]:
        """Those at work, or those that still wait for a job."""
        found = []
        for file in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = file.read_text().rsplit(")", 1)[1].split()[:2]
                at_work = "Seccomp:\t2" in file.with_name("status").read_text()
            except OSError:
                continue
            if int(parent) == self.process.pid and state not in "ZX" and at_work == guarded:
                found.append(int(file.parent.name))
        return found

    def wait_for_child(self) -> int:
        deadline = time.monotonic() + 10
        while not (found := self.children()):
            assert time.monotonic() < deadline, "no child was started"
            time.sleep(0.02)
        time.sleep(0.5)  # it is at work
        return found[0]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(write_sample_bundle(tmp_path / "bundle"))
    yield served
    served.end()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.slow
def test_its_hello_tells_what_a_child_was_refused(served: Served) -> None:
    hello = served.hello()
    assert {"network", "process", "exec", "signals", "writing", "server"} == set(hello["refused"])
    assert hello["bundle"]
    assert served.children() == []


@pytest.mark.slow
def test_a_host_that_leaves_at_once_is_not_waited_for(served: Served) -> None:
    served.stdin.close()
    assert served.process.wait(30) == 0  # torch is imported first


@pytest.mark.slow
def test_an_idle_worker_ends_with_its_host(served: Served) -> None:
    served.hello()
    served.stdin.close()
    assert served.process.wait(GONE_S) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "construct",
    [
        IGNORES + "while True: pass",
        IGNORES + "while True: print('x' * 10, flush=True)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        "import os, time; os.closerange(0, 256); time.sleep(1000)",
    ],
)
def test_a_busy_worker_ends_with_its_host_and_takes_the_child_along(served: Served, construct: str) -> None:
    served.hello()
    served.start(sample_source(construct=construct))
    child = served.wait_for_child()
    served.stdin.close()
    assert served.process.wait(GONE_S) == 0
    assert gone(child)


@pytest.mark.slow
def test_a_worker_that_is_killed_takes_the_child_along(served: Served) -> None:
    served.hello()
    served.start(sample_source(construct=IGNORES + "while True: pass"))
    child = served.wait_for_child()
    served.process.kill()
    served.process.wait()
    deadline = time.monotonic() + GONE_S
    while not gone(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("closes", ["stdin", "stdout"])
def test_a_large_result_that_nobody_reads_does_not_keep_it(served: Served, closes: str) -> None:
    served.hello()
    served.start(sample_source().replace("super().__init__()", BIG))
    served.wait_for_child()
    deadline = time.monotonic() + 30
    while served.children():  # it is about to write 16 MiB into a pipe of 64 KiB
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)
    assert served.process.poll() is None
    getattr(served, closes).close()
    assert served.process.wait(GONE_S) == 0


@pytest.mark.slow
def test_a_whole_large_result_arrives(served: Served) -> None:
    served.hello()
    served.start(sample_source().replace("super().__init__()", BIG))
    sizes = {}
    while (frame := served.frame()).kind != frames.VERDICT:
        sizes[frame.kind] = len(frame.payload)
    assert sizes[frames.WEIGHTS] > 4 << 22
    assert json.loads(frame.payload)["fate"] == "exited"


@pytest.mark.slow
def test_readable_paths_are_all_that_a_child_can_open(tmp_path: Path) -> None:
    pytest.importorskip("landlock")
    import landlock

    if not landlock.version():
        pytest.skip("no Landlock")
    (tmp_path / "secret").write_text("key")
    bundle = write_sample_bundle(tmp_path / "bundle")
    readable = [argument for path in (sys.prefix, "/usr") for argument in ("--readable", path)]
    served = Served(bundle, *readable)
    try:
        served.hello()
        served.start(sample_source(construct=f"open({str(tmp_path / 'secret')!r}).read()"))
        said = {}
        while (frame := served.frame()).kind != frames.VERDICT:
            said[frame.kind] = frame.payload
        assert b"Permission denied" in said[frames.REPORT]
    finally:
        served.end()


@pytest.mark.slow
def test_a_spare_that_died_is_replaced_and_its_job_done(served: Served) -> None:
    served.hello()
    for _ in range(2):
        deadline = time.monotonic() + 10
        while not (waiting := served.children(guarded=False)):
            assert time.monotonic() < deadline, "no spare was forked"
            time.sleep(0.02)
        os.kill(waiting[0], signal.SIGKILL)
        while not gone(waiting[0]):
            time.sleep(0.02)
        served.start(sample_source())
        while (frame := served.frame()).kind != frames.VERDICT:
            pass
        assert json.loads(frame.payload)["fate"] == "exited"


@pytest.mark.slow
def test_a_spare_ends_with_its_worker(served: Served) -> None:
    served.hello()
    deadline = time.monotonic() + 10
    while not (waiting := served.children(guarded=False)):
        assert time.monotonic() < deadline, "no spare was forked"
        time.sleep(0.02)
    served.process.kill()
    served.process.wait()
    while not gone(waiting[0]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
