"""The program, as a user calls it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.cli import main as module
from codegen_hpo.cli import terminal

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs `codegen-hpo` in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["codegen-hpo", *arguments])
        terminal.console.cache_clear()  # it holds the stdout of an earlier test
        with pytest.raises(SystemExit) as ended:
            module.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run
