"""What a shell is told of the words that may follow."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(program: Cli, shell: str) -> None:
    code, out, _ = program("completion", shell)
    assert code == 0
    assert "_CODEGEN_HPO_COMPLETE" in out
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=out, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("codegen-hpo comp", {"compare", "completion"}),
        ("codegen-hpo resume --tr", {"--trials", "--trust-command"}),
        ("codegen-hpo tune --tuner sm", {"smac-rf", "smac-gp"}),
        ("codegen-hpo watch ", {"latest", "20260314-120000-y-abc", "20260315-120000-y-abc"}),
        ("codegen-hpo show 20260315", {"20260315-120000-y-abc"}),
    ],
)
def test_commands_options_and_runs_are_completed(
    program: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str, offered: set[str]
) -> None:
    for name in ("20260314-120000-y-abc", "20260315-120000-y-abc"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "events.jsonl").touch()
    monkeypatch.setenv("_CODEGEN_HPO_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    code, out, _ = program()
    assert code == 0
    assert {line.partition(",")[2] for line in out.split()} == offered
