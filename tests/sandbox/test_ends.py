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

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source

pytestmark = pytest.mark.slow

SLEEPS = sample_source(construct="import time; time.sleep(60)")
DOZES = sample_source(construct="import time; time.sleep(3)")
GOOD = Job(kind="train", source=sample_source())


def processes_on(bundle: Path) -> list[int]:
    """What runs on the bundle, in order of age: the worker, its children and the program of its wall."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (_is_named(entry, bundle) or _is_mounted(entry, bundle)):
            found.append(int(entry.name))
    return sorted(found)


def _is_named(process: Path, bundle: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(word.endswith(b"worker/worker.py") for word in words) and os.fsencode(bundle) in words


def _is_mounted(process: Path, bundle: Path) -> bool:
    """Whether the process sees the bundle as /data: behind namespaces, of a container too."""
    try:
        mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
    except OSError:
        return False
    return any(words[4] == "/data" and str(bundle).endswith(words[3]) for words in mounts)


def server_on(bundle: Path) -> int:
    """The process of the worker itself."""
    pids = processes_on(bundle)
    behind = [pid for pid in pids if _is_mounted(Path(f"/proc/{pid}"), bundle)]
    return min(behind or pids)


def eventually(condition: Callable[[], bool], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not (reached := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return reached


def in_a_job(bundle: Path) -> bool:
    """Whether a child runs for longer than those of the self-test do."""
    before = set(processes_on(bundle))
    time.sleep(0.7)
    return (
        bool(before)
        and server_on(bundle) in before
        and len(before & set(processes_on(bundle))) > _idle(before)
    )


def _idle(pids: set[int]) -> int:
    """How many of these processes there are without a job: bwrap stays outside, beside the worker."""
    programs = [(Path(f"/proc/{pid}") / "comm") for pid in pids]
    return 1 + sum(path.exists() and path.read_text() == "bwrap\n" for path in programs)


@pytest.fixture
def own_bundle(bundle: Path, tmp_path: Path) -> Iterator[Path]:
    """The bundle under a name of the test's own: its processes can be told from others."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for file in bundle.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    yield folder
    assert eventually(lambda: not processes_on(folder)), "processes were left behind"


@pytest.fixture
def own_worker(sandbox: Sandbox, own_bundle: Path) -> Iterator[Worker]:
    worker = sandbox.open(own_bundle)
    yield worker
    worker.close()


def strike(bundle: Path, blow: signal.Signals, *, times: int = 1) -> threading.Thread:
    """Sends the signal to the worker in the middle of a job, so many times; each to a new worker."""

    def run() -> None:
        struck: set[int] = set()
        for _ in range(times):
            eventually(lambda: in_a_job(bundle) and server_on(bundle) not in struck, 30.0)
            struck.add(server_on(bundle))
            os.kill(server_on(bundle), blow)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_job_whose_worker_dies_is_repeated_in_a_new_one(own_worker: Worker, own_bundle: Path) -> None:
    first = server_on(own_bundle)
    striker = strike(own_bundle, signal.SIGKILL)
    outcome = own_worker.run(Job(kind="train", source=DOZES))
    striker.join()
    assert (outcome.status, outcome.error) == ("ok", "")
    assert server_on(own_bundle) != first


def test_a_job_whose_worker_dies_twice_is_at_fault(own_worker: Worker, own_bundle: Path) -> None:
    striker = strike(own_bundle, signal.SIGKILL, times=2)
    outcome = own_worker.run(Job(kind="train", source=SLEEPS))
    striker.join()
    assert outcome.status == "killed"
    assert "worker died" in outcome.error
    assert own_worker.run(GOOD).status == "ok"


def test_the_time_limit_holds_for_the_repetition(own_worker: Worker, own_bundle: Path) -> None:
    striker = strike(own_bundle, signal.SIGKILL)
    outcome = own_worker.run(Job(kind="train", source=SLEEPS, timeout_s=3.0))
    striker.join()
    assert outcome.status == "timeout"


def test_a_worker_that_dies_between_jobs_is_replaced_unseen(own_worker: Worker, own_bundle: Path) -> None:
    os.kill(server_on(own_bundle), signal.SIGKILL)
    assert own_worker.run(GOOD).status == "ok"


def test_a_worker_that_cannot_start_again_raises_and_may_be_asked_later(
    own_worker: Worker, own_bundle: Path
) -> None:
    os.kill(server_on(own_bundle), signal.SIGKILL)
    hidden = own_bundle.with_name("hidden")
    own_bundle.rename(hidden)
    with pytest.raises(SandboxError):
        own_worker.run(GOOD)
    hidden.rename(own_bundle)
    assert own_worker.run(GOOD).status == "ok"


def test_a_worker_that_hangs_is_ended_by_the_host(sandbox: Sandbox, own_bundle: Path) -> None:
    hasty = choose_sandbox(sandbox.name, trusted=True, limits=replace(CASE_LIMITS, grace_s=0.5))
    worker = hasty.open(own_bundle)
    try:
        striker = strike(own_bundle, signal.SIGSTOP)
        outcome = worker.run(Job(kind="train", source=SLEEPS, timeout_s=4.0))
        striker.join()
        assert outcome.status == "timeout"
        assert worker.run(GOOD).status == "ok"
    finally:
        worker.close()


def test_closing_ends_a_job_that_runs(own_worker: Worker, own_bundle: Path) -> None:
    threading.Timer(0.5, own_worker.close).start()
    assert own_worker.run(Job(kind="train", source=SLEEPS)).status == "killed"
    assert eventually(lambda: not processes_on(own_bundle))


HOST = """
import sys
from pathlib import Path
from codegen_hpo.records import Job
from codegen_hpo.sandbox.choose import choose_sandbox
sandbox = choose_sandbox(sys.argv[1], trusted=True)
try:
    print("starting", flush=True)
    worker = sandbox.open(Path(sys.argv[2]))
    print("idle", flush=True)
    sys.stdin.readline()
    print("busy", flush=True)
    worker.run(Job(kind="train", source=sys.argv[3]))
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize("moment", ["starting", "idle", "busy"])
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_nothing_outlives_a_host_that_ends_at_any_moment(
    blow: signal.Signals, moment: str, sandbox: Sandbox, own_bundle: Path
) -> None:
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, sandbox.name, str(own_bundle), SLEEPS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert host.stdin is not None
    assert host.stdout is not None
    while (line := host.stdout.readline().strip()) != moment:
        assert line in ("starting", "idle")
        if line == "idle":
            host.stdin.write("on\n")
            host.stdin.flush()
    time.sleep(0.5)
    host.send_signal(blow)
    out, _ = host.communicate(timeout=20)
    if blow == signal.SIGINT:
        assert (host.returncode, out) == (130, "interrupted\n")
    # a worker that is still importing torch notices when it is done
    assert eventually(lambda: not processes_on(own_bundle), 5.0 if moment != "starting" else 20.0)
    if sandbox.name == "docker":
        assert eventually(lambda: not containers_on(own_bundle))


def containers_on(bundle: Path) -> list[str]:
    import docker

    from codegen_hpo.sandbox.containers import LABEL

    client = docker.from_env()
    try:
        found = client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL})
        return [str(one.id) for one in found if any(m["Source"] == str(bundle) for m in one.attrs["Mounts"])]
    finally:
        client.close()
