"""A command's process: its end, its output in part, nothing left of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codegen_hpo.objective.kept import HEAD_BYTES, TAIL_BYTES
from codegen_hpo.objective.process import Ended, run
from codegen_hpo.testing.processes import alive, none_left


def python(code: str, timeout_s: float | None = 30.0) -> Ended:
    return run([sys.executable, "-S", "-c", code], dict(os.environ), timeout_s)


def test_the_exit_code_and_both_streams_come_back() -> None:
    ended = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (ended.code, ended.output, ended.complaints) == (3, "out\n", "err\n")


def test_a_signal_is_told_as_a_negative_code() -> None:
    assert python("import os; os.kill(os.getpid(), 11)").code == -signal.SIGSEGV


def test_a_program_that_is_not_there_raises() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/no/such/program"], {}, None)


def test_of_a_flood_head_and_tail_are_kept() -> None:
    ended = python(
        "import sys\nprint('first')\nfor _ in range(40): sys.stdout.write('x' * 100_000)\nprint('\\nlast')"
    )
    assert len(ended.kept_output) < HEAD_BYTES + TAIL_BYTES + 100
    assert ended.kept_output.startswith(b"first\n")
    assert b"bytes are left out" in ended.kept_output
    assert ended.output == "last\n"


def test_what_fits_is_kept_whole() -> None:
    size = HEAD_BYTES + 1000
    assert python(f"print('y' * {size})").kept_output == b"y" * size + b"\n"


def test_when_the_time_is_up_children_are_killed_too(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    )
    ended = python(code, timeout_s=1.5)
    assert (ended.code, ended.limit) == (None, "time")
    pid = int((tmp_path / "pid").read_text())
    assert not none_left(lambda: [pid] if alive(pid) else [])


@pytest.mark.slow
def test_a_child_that_left_the_group_with_the_pipe_is_not_waited_for() -> None:
    code = (
        "import subprocess, sys\n"
        "sleep = [sys.executable, '-S', '-c', 'import time; time.sleep(120)']\n"
        "print(subprocess.Popen(sleep, start_new_session=True).pid)"
    )
    child = int(python(code).output)
    assert alive(child)
    os.kill(child, signal.SIGKILL)


def test_a_command_does_not_outlive_a_host_that_was_killed(tmp_path: Path) -> None:
    inner = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    outer = (
        "import os, sys; from codegen_hpo.objective.process import run\n"
        f"run([sys.executable, '-S', '-c', {inner!r}], dict(os.environ), None)"
    )
    host = subprocess.Popen([sys.executable, "-c", outer])
    file = tmp_path / "pid"
    while not (file.is_file() and file.read_text()):
        assert host.poll() is None
        time.sleep(0.02)
    host.kill()
    host.wait()
    pid = int(file.read_text())
    assert not none_left(lambda: [pid] if alive(pid) else [])


@pytest.mark.slow
def test_gigabytes_of_output_take_little_memory() -> None:
    code = (
        "import re, sys; from codegen_hpo.objective.process import run\n"
        'printing = \'import sys\\nfor _ in range(3000): sys.stdout.write("x" * 999_999 + "\\\\n")\'\n'
        "ended = run([sys.executable, '-S', '-c', printing], {}, None)\n"
        "assert ended.code == 0, ended.complaints\n"
        "print(len(ended.kept_output), *re.findall('VmHWM:\\s*(.*) kB', open('/proc/self/status').read()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kept, peak_kib = map(int, done.stdout.split())
    assert kept < HEAD_BYTES + TAIL_BYTES + 100
    assert peak_kib < 200 << 10
