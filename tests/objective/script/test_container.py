"""A container around a script: what it may do, how it ends, what is left of it."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from codegen_hpo.errors import ConfigError, SandboxError
from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.script.container import ContainerRunner
from codegen_hpo.testing.processes import kept_by_engine, none_left

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_image")]

MEMORY_BYTES = 256 << 20


@pytest.fixture(scope="module")
def runner(docker_image: str) -> ContainerRunner:
    return ContainerRunner(docker_image, memory_bytes=MEMORY_BYTES, cpus=1.0, processes=32)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir(mode=0o700)
    return folder


def ran(
    runner: ContainerRunner,
    folder: Path,
    code: str,
    *,
    timeout_s: float = 60.0,
    started: Callable[[Callable[[], None]], None] = lambda kill: None,
    disk_bytes: int = 20 << 20,
) -> Ended:
    (folder / "train.py").write_text(code)
    words = ["python", "train.py"]
    return runner.run(words, {"OURS": "1"}, timeout_s, started, folder=folder, disk_bytes=disk_bytes)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = set(kept_by_engine([os.getpid()]))
    yield
    assert not none_left(lambda: [one for one in kept_by_engine([os.getpid()]) if one not in before])


def test_a_script_reads_and_writes_its_workspace(runner: ContainerRunner, workspace: Path) -> None:
    (workspace / "data").mkdir(mode=0o700)
    (workspace / "data/x.csv").write_text("1")
    (workspace / "config.json").write_text('{"lr": 0.1}')
    (workspace / "config.json").chmod(0o400)
    ended = ran(
        runner,
        workspace,
        "import os, json, sys\n"
        "open('data/y.csv', 'w').write(open('data/x.csv').read())\n"
        "json.dump({'acc': json.load(open('config.json'))['lr']}, open('metrics.json', 'w'))\n"
        "print(os.getcwd(), os.environ['OURS'], repr(sys.stdin.read())); print('oh', file=sys.stderr)",
    )
    assert (ended.code, ended.limit) == (0, "")
    assert (ended.output, ended.complaints) == (f"{runner.seen_as(workspace)} 1 ''\n", "oh\n")
    assert json.loads((workspace / "metrics.json").read_text()) == {"acc": 0.1}
    assert (workspace / "data/y.csv").read_text() == "1"


PROBE = """
import json, os, resource, socket
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
def refused(act):
    try:
        act()
    except OSError:
        return True
    return False
print(json.dumps({
    "capabilities": [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "root": os.getuid() == 0,
    "interfaces": [line.split(":")[0].strip() for line in open("/proc/self/net/dev") if ":" in line],
    "network": refused(lambda: socket.create_connection(("1.1.1.1", 53), 2)),
    "writing": [path for path in ("/", "/usr", "/etc", "/opt", "/var/tmp") if os.access(path, os.W_OK)],
    "temporary": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize,
    "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    "environment": sorted(os.environ),
    "watchman": [refused(lambda: open(f"/proc/1/fd/{one}", "wb")) for one in (0, 1, 2)]
        + [refused(lambda: os.kill(1, 9))],
}))
"""


def test_it_has_no_network_no_capability_and_nothing_else_to_write(
    runner: ContainerRunner, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    ended = ran(runner, workspace, PROBE)
    assert ended.code == 0, ended.complaints
    facts = json.loads(ended.output)
    assert facts["capabilities"] == [0, 0, 0, 0, 0]
    assert (facts["no_new_privileges"], facts["seccomp"], facts["root"]) == ("1", "2", False)
    assert (facts["interfaces"], facts["network"], facts["writing"]) == (["lo"], True, [])
    assert facts["temporary"] <= MEMORY_BYTES
    assert facts["files"] == 4096
    assert "OPENAI_API_KEY" not in facts["environment"]
    assert facts["watchman"] == [True, True, True, True], "the script reaches what ends it with its host"


def test_the_scripts_own_folder_is_not_there(runner: ContainerRunner, workspace: Path) -> None:
    original = workspace.parent / "original"
    original.mkdir(mode=0o777)
    (original / "train.py").write_text("mine")
    (workspace / "link").symlink_to(original / "train.py")
    ended = ran(
        runner,
        workspace,
        f"for path in ({str(original / 'train.py')!r}, 'link', '../original/train.py'):\n"
        "    try: open(path, 'w').write('theirs')\n"
        "    except OSError as error: print(type(error).__name__)\n",
    )
    assert ended.code == 0, ended.complaints
    assert (original / "train.py").read_text() == "mine"
    assert "PermissionError" not in ended.output
    assert ended.output.count("FileNotFoundError") == 3


@pytest.mark.slow
def test_multiprocessing_and_temporary_files_work(runner: ContainerRunner, workspace: Path) -> None:
    code = (
        "import multiprocessing, os, tempfile\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.Pool(2) as pool: print(pool.map(abs, [1, -2]))\n"
        "    print(os.path.dirname(tempfile.mkdtemp()), os.path.expanduser('~'))"
    )
    assert ran(runner, workspace, code).output == "[1, 2]\n/tmp /tmp\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit(3)", 3),
        ("import os; os.kill(os.getpid(), 11)", -11),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.close(1); os.close(2); import time; time.sleep(0.5); os._exit(7)", 7),
    ],
)
def test_the_exit_code_is_told_as_for_a_process(
    runner: ContainerRunner, workspace: Path, code: str, expected: int
) -> None:
    ended = ran(runner, workspace, code)
    assert (ended.code, ended.limit) == (expected, "")


def test_too_much_memory_is_a_limit(runner: ContainerRunner, workspace: Path) -> None:
    code = "print('begun', flush=True)\nheld = [b'x' * (16 << 20) for _ in range(100)]"
    ended = ran(runner, workspace, code)
    assert (ended.code, ended.limit, ended.output) == (None, "memory", "begun\n")


@pytest.mark.slow
def test_files_in_tmp_are_memory(runner: ContainerRunner, workspace: Path) -> None:
    code = "for n in range(40): open(f'/tmp/{n % 2}{n}', 'wb').write(b'x' * (16 << 20))"
    ended = ran(runner, workspace, code)
    assert ended.limit == "memory" or "No space left on device" in ended.complaints


@pytest.mark.slow
def test_a_fork_bomb_stays_within_the_container(runner: ContainerRunner, workspace: Path) -> None:
    ended = ran(runner, workspace, "import os\nwhile True: os.fork()", timeout_s=20)
    assert ended.limit == "time" or "Resource temporarily unavailable" in ended.complaints


@pytest.mark.slow
def test_what_hangs_is_killed_and_keeps_what_it_said(runner: ContainerRunner, workspace: Path) -> None:
    ended = ran(runner, workspace, "import time; print('begun', flush=True); time.sleep(600)", timeout_s=2)
    assert (ended.code, ended.limit, ended.output) == (None, "time", "begun\n")


@pytest.mark.slow
def test_a_child_that_holds_the_output_is_not_waited_for(runner: ContainerRunner, workspace: Path) -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    assert ran(runner, workspace, code).code == 0


@pytest.mark.slow
def test_a_full_disk_is_a_limit(runner: ContainerRunner, workspace: Path) -> None:
    code = "import time\nfor n in range(999): open(f'log{n}', 'wb').write(b'x' * (4 << 20)); time.sleep(0.1)"
    ended = ran(runner, workspace, code)
    assert (ended.code, ended.limit) == (None, "disk")
    assert sum(file.stat().st_size for file in workspace.iterdir()) < 200 << 20


@pytest.mark.slow
def test_one_file_cannot_outgrow_the_limit(runner: ContainerRunner, workspace: Path) -> None:
    ended = ran(runner, workspace, "with open('log', 'wb') as f:\n    while True: f.write(bytes(1 << 20))")
    assert ended.limit == "disk" or "File too large" in ended.complaints
    assert (workspace / "log").stat().st_size <= 20 << 20


@pytest.mark.slow
def test_of_a_flood_head_and_tail_are_kept(runner: ContainerRunner, workspace: Path) -> None:
    code = "print('first')\nfor _ in range(200): print('x' * 999_999)\nprint('last')"
    ended = ran(runner, workspace, code)
    assert ended.code == 0
    assert ended.kept_output.startswith(b"first\n")
    assert ended.output.endswith("last\n")
    assert len(ended.kept_output) < 1 << 20


def test_it_is_killed_from_another_thread(runner: ContainerRunner, workspace: Path) -> None:
    def kill_soon(kill: Callable[[], None]) -> None:
        threading.Timer(0.5, kill).start()

    ended = ran(runner, workspace, "import time; time.sleep(600)", started=kill_soon)
    assert (ended.code, ended.limit) == (-9, "")


@pytest.mark.slow
def test_several_run_at_once_and_see_their_own_workspace(runner: ContainerRunner, tmp_path: Path) -> None:
    outputs: dict[str, str] = {}

    def work(name: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "name").write_text(name)
        ended = ran(runner, folder, "import os; print(open('name').read(), len(os.listdir('.')))")
        outputs[name] = ended.output

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {name: f"{name} 2\n" for name in "abc"}


@pytest.mark.slow
def test_nothing_outlives_a_host_that_was_killed(docker_image: str, workspace: Path) -> None:
    (workspace / "train.py").write_text(
        "import os, signal, time\n"
        "for one in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM): signal.signal(one, signal.SIG_IGN)\n"
        "if os.fork() == 0: os.setsid()\n"
        "open('begun', 'w').close()\n"
        "time.sleep(600)"
    )
    code = (
        "import sys; from pathlib import Path\n"
        "from codegen_hpo.objective.script.container import ContainerRunner\n"
        f"runner = ContainerRunner({docker_image!r})\n"
        f"folder = Path({str(workspace)!r})\n"
        "runner.run(['python', 'train.py'], {}, None, lambda kill: None, folder=folder, disk_bytes=None)"
    )
    host = subprocess.Popen([sys.executable, "-c", code])
    while not (workspace / "begun").exists():
        assert host.poll() is None
        time.sleep(0.05)
    assert kept_by_engine([host.pid])
    host.kill()
    host.wait()
    assert not none_left(lambda: kept_by_engine([host.pid]))


def test_a_program_that_the_image_lacks_is_told(
    runner: ContainerRunner, workspace: Path, docker_image: str
) -> None:
    with pytest.raises(OSError, match=f"{docker_image} has no such program") as caught:
        runner.run(["Rscript", "x.R"], {}, 5.0, lambda kill: None, folder=workspace, disk_bytes=None)
    assert caught.value.filename == "Rscript"
    assert list(workspace.iterdir()) == []


def test_an_image_that_is_not_there_is_never_fetched() -> None:
    name = f"codegen-hpo-nowhere:{uuid.uuid4().hex}"
    with pytest.raises(ConfigError, match=f"no image '{name}'") as caught:
        ContainerRunner(name)
    assert f"docker pull {name}" in caught.value.hint


@pytest.mark.slow
def test_an_image_without_a_shell_is_told(workspace: Path) -> None:
    client = docker.from_env()
    name = f"codegen-hpo-empty:{uuid.uuid4().hex}"
    client.api.import_image_from_data(b"\0" * 10240, *name.rsplit(":", 1)[:1], tag=name.rsplit(":", 1)[1])
    try:
        with pytest.raises(SandboxError, match="/bin/sh"):
            ran(ContainerRunner(name), workspace, "")
    finally:
        client.images.remove(name, force=True)
        client.close()


@pytest.mark.slow
def test_a_gpu_that_the_engine_cannot_give_is_told(docker_image: str, workspace: Path) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("there may be a GPU")
    with pytest.raises(SandboxError, match="gives containers no GPU"):
        ran(ContainerRunner(docker_image, device="cuda"), workspace, "")
    runner = ContainerRunner(docker_image, device="auto")
    assert ran(runner, workspace, "print(1)").output == "1\n"
    assert "CPU" in runner.notice


@pytest.mark.slow
def test_an_engine_with_other_files_is_told(docker_image: str, workspace: Path) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can hide its files from the engine")
    code = (
        "from pathlib import Path; from codegen_hpo.objective.script.container import ContainerRunner\n"
        f"runner = ContainerRunner({docker_image!r})\n"
        f"folder = Path({str(workspace)!r})\n"
        "runner.run(['python', '-V'], {}, None, lambda kill: None, folder=folder, disk_bytes=None)"
    )
    script = 'mount -t tmpfs none "$1" && exec "$2" -c "$3"'
    words = ["unshare", "--mount", "sh", "-c", script, "sh", str(workspace), sys.executable, code]
    done = subprocess.run(words, capture_output=True, text=True)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this root may not mount")
    assert "SandboxError: the Docker engine does not see this machine's files" in done.stderr
