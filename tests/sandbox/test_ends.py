"""Workers that die, hosts that die, and Ctrl-C: nothing is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from codegen_hpo.records import Job
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.process import ProcessSandbox
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source

SLEEPS = sample_source(construct="import time; time.sleep(60)")
GOOD = Job(kind="train", source=sample_source())


def processes_on(bundle: Path) -> list[int]:
    """Workers, and their children, whose command line names the bundle. Containers are seen as well."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if any(word.endswith(b"worker/worker.py") for word in words) and os.fsencode(bundle) in words:
            found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not (reached := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return reached


@pytest.fixture
def own_bundle(bundle: Path, tmp_path: Path) -> Iterator[Path]:
    """The bundle under a name of the test's own: its processes can be told from others."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for file in bundle.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    yield folder
    assert eventually(lambda: not processes_on(folder)), "processes were left behind"


def test_a_worker_that_dies_is_replaced(own_bundle: Path) -> None:
    worker = ProcessSandbox(CASE_LIMITS).open(own_bundle)
    try:
        server = min(processes_on(own_bundle))
        threading.Timer(0.5, os.kill, (server, signal.SIGKILL)).start()
        outcome = worker.run(Job(kind="train", source=SLEEPS))
        assert outcome.status == "killed"
        assert "worker died" in outcome.error
        assert worker.run(GOOD).status == "ok"
    finally:
        worker.close()


def test_a_worker_that_hangs_is_ended_by_the_host(own_bundle: Path) -> None:
    worker = ProcessSandbox(replace(CASE_LIMITS, grace_s=0.5)).open(own_bundle)
    try:
        server = min(processes_on(own_bundle))
        threading.Timer(0.3, os.kill, (server, signal.SIGSTOP)).start()
        outcome = worker.run(Job(kind="train", source=SLEEPS, timeout_s=1.0))
        assert outcome.status == "timeout"
        assert worker.run(GOOD).status == "ok"
    finally:
        worker.close()


def test_closing_ends_a_job_that_runs(own_bundle: Path) -> None:
    worker = ProcessSandbox(CASE_LIMITS).open(own_bundle)
    threading.Timer(0.5, worker.close).start()
    assert worker.run(Job(kind="train", source=SLEEPS)).status == "killed"
    assert eventually(lambda: not processes_on(own_bundle))


HOST = """
import sys
from pathlib import Path
from codegen_hpo.records import Job
from codegen_hpo.sandbox.choose import choose_sandbox
worker = choose_sandbox(sys.argv[1], trusted=True).open(Path(sys.argv[2]))
print("ready", flush=True)
try:
    worker.run(Job(kind="train", source=sys.argv[3]))
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_nothing_outlives_a_host_that_ends_in_the_middle_of_a_job(
    blow: signal.Signals, sandbox: Sandbox, own_bundle: Path
) -> None:
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, sandbox.name, str(own_bundle), SLEEPS],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdout is not None
    assert host.stdout.readline() == "ready\n"
    time.sleep(0.5)
    host.send_signal(blow)
    out, _ = host.communicate(timeout=20)
    if blow == signal.SIGINT:
        assert (host.returncode, out) == (130, "interrupted\n")
    if sandbox.name == "docker":
        assert eventually(lambda: not containers_on(own_bundle))


def containers_on(bundle: Path) -> list[str]:
    import docker

    from codegen_hpo.sandbox.containers import LABEL

    client = docker.from_env()
    try:
        found = client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL})
        return [one.id for one in found if any(m["Source"] == str(bundle) for m in one.attrs["Mounts"])]
    finally:
        client.close()
