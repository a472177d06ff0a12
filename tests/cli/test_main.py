"""The command line's outer edge: help, errors, exit codes."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from codegen_hpo.cli import main as module
from codegen_hpo.cli.main import COMMANDS, cli
from codegen_hpo.errors import DataError, Interrupted


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, codegen_hpo.cli.main as m\n"
        "try: m.cli.main(['--help'], standalone_mode=False)\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'pandas', 'sklearn', 'openai', 'optuna', 'docker', 'libcst', 'numpy'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_has_a_help_page(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fit", "no-such.csv", "--target", "y"], 3, "no-such.csv"),
        (["fit"], 2, "Missing argument"),
        (["fit", "x.csv", "--target", "y", "--time", "soon"], 2, "write 90s, 30m or 1.5h"),
        (["fit", "x.csv", "--target", "y", "--max-cost", "2usd"], 2, "--price"),
        (["nonsense"], 2, "No such command"),
        (["show", "latest"], 3, "no run 'latest'"),
        (["check", "no-such.py"], 3, "cannot read no-such.py"),
        (["datasets", "path", "taxi"], 3, "no sample table 'taxi'"),
        ([], 2, "Usage"),
    ],
)
def test_errors_have_a_message_and_an_exit_code(
    arguments: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path, capsys
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["codegen-hpo", *arguments])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Interrupted("runs/x"), 130, "codegen-hpo resume runs/x"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (DataError("column 'a\x1b[31m' is odd", hint="rename it"), 3, "rename it"),
    ],
)
def test_what_ends_a_command_is_told(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:  # type: ignore[no-untyped-def]
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(module.cli, "main", fail)
    with pytest.raises(SystemExit) as ended:
        module.main()
    printed = capsys.readouterr().err
    assert ended.value.code == code
    assert said in printed
    assert "\x1b[31m'" not in printed
