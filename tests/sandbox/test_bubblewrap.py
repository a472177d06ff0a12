"""What code behind the namespaces sees, and what it is told where they do not work."""

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox import bubblewrap
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.sandbox.bubblewrap import BubblewrapSandbox
from codegen_hpo.sandbox.roots import python_roots
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source

PLANTED = "CODEGEN_HPO_PLANTED"


@pytest.fixture(scope="module", autouse=True)
def planted() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PLANTED, "a key of the user")
        yield


@pytest.fixture(scope="module")
def behind(planted: None, bundle: Path) -> Iterator[Worker]:
    try:
        worker = BubblewrapSandbox(CASE_LIMITS).open(bundle)
    except SandboxError as error:
        pytest.skip(f"no bubblewrap: {error}")
    yield worker
    worker.close()


def printed(worker: Worker, code: str) -> str:
    outcome = worker.run(Job(kind="train", source=sample_source(construct=code)))
    assert outcome.status == "ok", outcome.error
    return outcome.stdout


@pytest.mark.slow
def test_no_variable_of_the_host_is_seen(behind: Worker) -> None:
    code = """import os
print(list(os.environ))
for pid in filter(str.isdigit, os.listdir('/proc')):
    try: print(open(f'/proc/{pid}/environ').read())
    except OSError as error: print(error)"""
    seen = printed(behind, code)
    assert PLANTED not in seen
    assert "LANG" in seen


@pytest.mark.slow
def test_nothing_can_be_written_anywhere(behind: Worker) -> None:
    code = """import os
for folder, folders, files in os.walk('/'):
    if folder.startswith(('/proc/', '/usr')) and not folder.startswith('/proc/sys'):
        folders.clear()
    for path in [folder, *(os.path.join(folder, name) for name in files)]:
        if os.access(path, os.W_OK) and not path.startswith('/dev/'): print('W', path)
    try: os.close(os.open(os.path.join(folder, 'left'), os.O_CREAT | os.O_WRONLY)); print('C', folder)
    except OSError: pass
print('done')"""
    assert printed(behind, code).split() == ["done"]


def test_of_the_host_s_files_only_a_few_folders_are_there(behind: Worker, bundle: Path) -> None:
    home = os.path.expanduser("~")
    code = f"""import json, os
print(json.dumps([sorted(os.listdir('/')), sorted(os.listdir('/data')), sorted(os.listdir('/etc')),
    [os.path.exists(p) for p in ('{bundle}', '/sys', '/run', '{home}/.ssh', '/etc/passwd')]]))"""
    top, data, etc, there = json.loads(printed(behind, code))
    assert {"data", "dev", "proc", "usr", "worker"} <= set(top)
    needed = {root.parts[1] for root in python_roots()}  # the folder that a virtual environment lies in
    assert not ({"boot", "mnt", "run", "srv", "sys", "tmp", "var"} - needed) & set(top)
    assert data == sorted(file.name for file in bundle.iterdir())
    assert set(etc) <= {"alternatives", "ld.so.cache"}
    assert not any(there)


def test_only_its_own_processes_are_seen_under_another_name(behind: Worker) -> None:
    code = """import json, os, time
def pids(): return sorted(filter(str.isdigit, os.listdir('/proc')))
deadline = time.monotonic() + 5  # the child that waits for the next trial is forked while this one begins
while len(pids()) < 3 and time.monotonic() < deadline: time.sleep(0.01)
print(json.dumps([pids(), os.getppid(), os.getuid(), os.uname()[1],
    [line.split()[1] for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd'))]]))"""
    pids, parent, user, host, capabilities = json.loads(printed(behind, code))
    assert parent == 1
    assert len(pids) == 3  # the worker, the trial, and the child that waits for the next one
    assert (user, host) == (65534, "sandbox")
    assert [int(mask, 16) for mask in capabilities] == [0, 0]


@pytest.mark.slow
def test_python_below_the_folder_of_the_bundle_is_not_hidden_by_it(
    behind: Worker, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "_DATA", str(Path(sys.prefix).parent))
    worker = BubblewrapSandbox(CASE_LIMITS).open(bundle)
    try:
        assert worker.run(Job(kind="train", source=sample_source())).status == "ok"
    finally:
        worker.close()


def test_a_machine_without_the_program_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="no program bwrap") as caught:
        BubblewrapSandbox()
    assert "apt install bubblewrap" in caught.value.hint


def test_what_the_program_says_is_in_the_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="setting up uid map: Permission denied") as caught:
        BubblewrapSandbox()
    assert "AppArmor" in caught.value.hint
