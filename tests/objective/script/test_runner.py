"""A script on this machine itself."""

import sys
from pathlib import Path

import pytest

from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.script.runner import HostRunner


def ran(folder: Path, code: str, disk_bytes: int | None = None) -> Ended:
    words = [sys.executable, "-S", "-c", code]
    return HostRunner().run(
        words, {"OURS": "1"}, 60.0, lambda kill: None, folder=folder, disk_bytes=disk_bytes
    )


def test_it_runs_in_its_workspace_with_the_users_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIRS", "2")
    ended = ran(tmp_path, "import os; print(os.getcwd(), os.environ['OURS'], os.environ['THEIRS'])")
    assert ended.output.split() == [HostRunner().seen_as(tmp_path), "1", "2"]


def test_a_script_that_fills_the_disk_is_killed(tmp_path: Path) -> None:
    code = "import time\nwhile True: open('log', 'ab').write(b'x' * 2_000_000); time.sleep(0.1)"
    ended = ran(tmp_path, code, disk_bytes=10 << 20)
    assert (ended.code, ended.limit) == (None, "disk")
    assert (tmp_path / "log").stat().st_size < 100 << 20
