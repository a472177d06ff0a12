"""A command as an objective: each way in which it can end is a value or a failure with its reason."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.base import Abandoned, Measured
from codegen_hpo.objective.command import Command, CommandObjective
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.space import Float
from codegen_hpo.store.folder import RunFolder

SPACE = {"x": Float(0.0, 1.0)}


def objective(
    tmp_path: Path,
    code: str,
    *,
    timeout_s: float | None = 30.0,
    file: str = "",
    options: str = "{x} {folder}",
) -> CommandObjective:
    script = tmp_path / "script.py"
    script.write_text(code)
    command = Command(
        text=f"{sys.executable} -S {script} {options}",
        source=ValueSource(metric="loss", file=file),
        timeout_s=timeout_s,
    )
    return CommandObjective(command, SPACE, RunFolder.at(tmp_path / "run"))


def measure(tmp_path: Path, code: str, **options: object) -> Measured:
    return objective(tmp_path, code, **options).measure({"x": 0.25}, 1)  # type: ignore[arg-type]


def test_the_value_and_what_was_printed_are_kept(tmp_path: Path) -> None:
    code = "import sys; print('hello'); print(float(sys.argv[1]) * 2); print('oh', file=sys.stderr)"
    measured = measure(tmp_path, code)
    assert (measured.value, measured.outcome.status, measured.files) == (0.5, "ok", "trials/t001")
    folder = tmp_path / "run/trials/t001"
    assert (folder / "stdout.txt").read_text() == "hello\n0.5\n"
    assert (folder / "stderr.txt").read_text() == "oh\n"
    assert json.loads((folder / "arguments.json").read_text()) == {"x": 0.25}


def test_no_path_of_this_machine_is_in_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    code = "import os, sys; print(sys.argv[2]); raise ValueError(os.path.dirname(os.getcwd()))"
    measured = measure(tmp_path, code)
    assert (tmp_path / "run/trials/t001/stdout.txt").read_text() == "{folder}\n"
    assert "ValueError: ~" in measured.outcome.error
    assert 'File "./script.py"' in measured.outcome.error
    assert str(tmp_path.parent) not in measured.outcome.error


def test_the_arguments_are_in_a_file_that_the_environment_names(tmp_path: Path) -> None:
    code = (
        "import json, os; print(json.load(open(os.environ['CODEGEN_HPO_ARGUMENTS']))['x'])\n"
        "assert os.path.isdir(os.environ['CODEGEN_HPO_FOLDER'])"
    )
    assert measure(tmp_path, code, options="").value == 0.25


def test_a_result_file_lies_in_the_folder_of_the_call(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[2] + '/r.json', 'w').write('{\"loss\": 0.125}'); print(9)"
    assert measure(tmp_path, code, file="r.json").value == 0.125


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("import sys; sys.exit('no \x1b[31mluck')", "error", "exit code 1\nno luck"),
        ("1 / 0", "error", "ZeroDivisionError: division by zero"),
        ("import os; os.kill(os.getpid(), 9)", "killed", "killed by SIGKILL"),
        ("print('done')", "bad_result", "no line of its output is a number"),
        ("print('nan')", "nan", "the value is nan"),
        ("print('x' * 5_000_000)", "bad_result", "no line of its output is a number"),
    ],
)
def test_a_call_that_gives_no_value_has_failed_with_its_reason(
    tmp_path: Path, code: str, status: str, said: str
) -> None:
    measured = measure(tmp_path, code)
    assert (measured.value, measured.outcome.status) == (None, status)
    assert said in measured.outcome.error
    assert len(measured.outcome.error) < 1500


def test_a_call_that_hangs_is_killed_and_keeps_what_it_said(tmp_path: Path) -> None:
    code = "import time; print('begun', flush=True); time.sleep(60)"
    measured = measure(tmp_path, code, timeout_s=1.0)
    assert measured.outcome.status == "timeout"
    assert measured.outcome.error == "begun\nstopped after 1 s"


def test_a_program_that_vanished_is_a_fault_of_the_host(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho 1\n")
    program.chmod(0o755)
    command = Command(text=f"{program} {{x}}", source=ValueSource(metric="loss"))
    made = CommandObjective(command, SPACE, RunFolder.at(tmp_path / "run"))
    program.unlink()
    with pytest.raises(ConfigError, match="cannot be started"):
        made.measure({"x": 0.5}, 1)


def test_what_a_killed_session_left_is_not_read(tmp_path: Path) -> None:
    left = tmp_path / "run/trials/t001"
    made = objective(tmp_path, "pass", file="r.json")
    left.mkdir(parents=True)
    (left / "r.json").write_text("0.5")
    measured = made.measure({"x": 0.5}, 1)
    assert (measured.outcome.status, measured.files) == ("bad_result", "trials/t001.1")


def test_calls_under_way_end_at_once_when_they_are_abandoned(tmp_path: Path) -> None:
    code = "import sys, time; open(sys.argv[2] + '/begun', 'w').close(); time.sleep(60)"
    made = objective(tmp_path, code, timeout_s=None)
    raised: list[type[BaseException]] = []

    def work() -> None:
        try:
            made.measure({"x": 0.5}, 1)
        except Abandoned as error:
            raised.append(type(error))

    thread = threading.Thread(target=work)
    thread.start()
    while not (tmp_path / "run/trials/t001/begun").exists():
        assert thread.is_alive()
        time.sleep(0.02)
    made.abandon()
    thread.join(20)
    assert raised == [Abandoned]
    with pytest.raises(Abandoned):
        made.measure({"x": 0.5}, 2)


def test_the_command_has_the_environment_of_whoever_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SETTING", "0.75")
    assert measure(tmp_path, "import os; print(os.environ['MY_SETTING'])").value == 0.75
    assert "CODEGEN_HPO_FOLDER" not in os.environ
