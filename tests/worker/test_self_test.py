import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import frames
import pytest
import seccomp
import self_test
from guard import harden_server
from self_test import refused

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a guard of Linux")
ALL = {"network", "process", "exec", "signals", "writing", "server"}


@pytest.fixture
def told_by_test(apart: Callable[..., Any], tmp_path: Path) -> Callable[[], list[str]]:
    def run() -> list[str]:
        harden_server()
        control, host = os.pipe()
        try:
            return refused(control, tmp_path, None)
        finally:
            os.close(host)

    return lambda: apart(run)


@linux
def test_a_guarded_child_is_refused_everything(told_by_test: Callable[[], list[str]], tmp_path: Path) -> None:
    assert set(told_by_test()) == ALL
    assert not list(tmp_path.iterdir())


@linux
def test_without_the_filter_the_holes_are_told_and_nothing_is_left(
    told_by_test: Callable[[], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seccomp, "install", lambda gpu: None)
    assert not set(told_by_test()) & {"network", "process", "exec", "signals", "writing"}
    assert not list(tmp_path.iterdir())


@linux
def test_an_attempt_that_hangs_ends_in_time(
    told_by_test: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_test, "_WALL_S", 0.5)
    monkeypatch.setattr(self_test, "_fork", lambda: os.read(os.pipe()[0], 1))
    assert told_by_test() == ["network"]


@linux
def test_a_host_that_is_gone_ends_it(apart: Callable[..., Any], tmp_path: Path) -> None:
    def work() -> str:
        harden_server()
        control, host = os.pipe()
        os.close(host)
        try:
            refused(control, tmp_path, None)
        except frames.ClosedError:
            return "closed"
        return ""

    assert apart(work) == "closed"
