"""`tune` on the command line, and the commands that look at its run."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.testing import ScriptedServer, replies

Cli = Callable[..., tuple[int, str, str]]

SPACE = '[x]\ntype = "float"\nlow = -1\nhigh = 1\ndefault = 0.5\n[act]\noptions = ["p", "q"]\ndefault = "p"\n'
SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
parser.add_argument("--act")
given = parser.parse_args()
if given.x < -0.9:
    raise SystemExit("x is too small")
print(abs(given.x) + (given.act == "q"))
"""


@pytest.fixture
def cli(program: Cli, tmp_path: Path) -> Cli:
    """The program, with a space and a script in its folder."""
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "script.py").write_text(SCRIPT)
    return program


COMMAND = ("tune", "space.toml", "--command", f"{sys.executable} -S script.py")


def test_a_run_is_told_as_it_goes_and_at_its_end(cli: Cli) -> None:
    code, out, err = cli(*COMMAND, "--trials", "4", "--tuner", "random")
    assert code == 0
    assert "t001 default loss 0.5" in err
    assert "t004 random" in err
    assert "Best: t00" in out
    assert '  act = "' in out
    assert "The search ended: 4 trials are done" in out
    assert "resume" in out


def test_the_result_as_json_and_more_trials_by_resume(cli: Cli) -> None:
    code, out, err = cli(*COMMAND, "--trials", "2", "--json")
    first = json.loads(out)
    assert (code, err, first["trials"], first["state"]) == (0, "", 2, "done")
    assert set(first["best"]) == {"trial", "value", "arguments"}
    code, _, err = cli("resume", "latest", "--trials", "3")
    assert code == 3
    assert "as you and without a sandbox" in err
    assert "--trust-command" in err
    code, out, _ = cli("resume", "latest", "--trust-command", "--trials", "3", "--json")
    assert (code, json.loads(out)["trials"]) == (0, 3)
    _, out, _ = cli("runs", "--json")
    (row,) = json.loads(out)["runs"]
    assert (row["target"], row["metric"], row["trials"]) == (COMMAND[3], "loss", 3)
    code, out, _ = cli("show", "latest", "--trials")
    assert code == 0
    assert "t003" in out


def test_the_whole_command_is_shown_before_it_is_trusted(cli: Cli) -> None:
    hidden = "x" * 250 + "; rm -rf \x1b[8m/\nsafe"
    cli("tune", "space.toml", "--command", f"true '{hidden}'", "--trials", "1", "-q")
    code, _, err = cli("resume", "latest", "--trials", "2")
    assert code == 3
    assert "x; rm -rf \\x1b[8m/\\nsafe'" in "".join(err.splitlines())


def test_in_another_working_folder_a_run_goes_on_only_if_that_is_said(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    cli(*COMMAND, "--trials", "1", "-q")
    assert str(tmp_path) not in next(tmp_path.glob("runs/*/events.jsonl")).read_text()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    resume = (
        "resume",
        "latest",
        "--runs",
        str(tmp_path / "runs"),
        "--trust-command",
        "--trials",
        "2",
        "--json",
    )
    code, _, err = cli(*resume)
    assert code == 3
    assert "another working folder" in err
    assert "--here" in err
    (tmp_path / "script.py").rename(tmp_path / "other/script.py")
    code, out, _ = cli(*resume, "--here")
    assert (code, json.loads(out)["trials"]) == (0, 2)


def test_what_a_resumed_objective_has_no_use_for_is_refused(cli: Cli) -> None:
    cli(*COMMAND, "--trials", "1", "-q")
    for options, name in ((("--sandbox", "docker"), "sandbox"), (("--unsafe-no-sandbox",), "unsafe")):
        code, _, err = cli("resume", "latest", "--trust-command", *options)
        assert code == 3
        assert f"{name} is given" in err


def test_turns_that_a_model_did_not_take_are_told_everywhere(cli, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    with ScriptedServer(
        [replies.text("I would rather not.")] * 6 + [replies.call(x=0.0, act="p", name="evaluate")]
    ) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
        options = ("--model", "m", "--tuner", "llm+tpe", "--llm-trials", "2", "--trials", "3")
        code, out, err = cli(*COMMAND, *options)
    assert code == 0, err
    why = "the model gave no usable call in 6 replies"
    assert f"in the model's place: {why}" in err
    assert f"1 of 2 turns of the model were taken by tpe: {why}" in out
    _, out, _ = cli("show", "latest", "--trials")
    assert f"in the model's place: {why}" in " ".join(out.split())
    _, out, _ = cli("show", "latest", "--json")
    assert json.loads(out)["fallbacks"] == 1


def test_what_needs_a_table_is_refused(cli: Cli) -> None:
    cli(*COMMAND, "--trials", "1", "-q")
    for refused in (
        ("predict", "latest", "x.csv"),
        ("export", "latest", "-o", "o"),
        ("rerun", "latest", "1"),
    ):
        code, _, err = cli(*refused)
        assert code == 3
        assert "holds no table and no model" in err


def test_without_any_value_the_exit_code_says_so(cli: Cli) -> None:
    code, out, err = cli("tune", "space.toml", "--command", "true", "--trials", "2")
    assert code == 1
    assert "no value was found" in out
    assert "none of the 2 calls gave a value" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("none.toml", "--command", "true"), 3, "cannot read none.toml"),
        (("space.toml",), 2, "Missing option '--command'"),
        (("space.toml", "--command", "true {y}"), 3, "a place {y}"),
        (("space.toml", "--command", "no-such-program"), 3, "no program 'no-such-program'"),
        (("space.toml", "--command", "true", "--pattern", "("), 3, "the pattern '('"),
        (("space.toml", "--command", "true", "--result-file", "/r"), 3, "not inside the trial's own folder"),
        (("space.toml", "--command", "true", "--tuner", "best"), 2, "there is no tuner 'best'"),
        (("space.toml", "--command", "true", "--tuner", "llm"), 3, "needs a language model"),
        (("space.toml", "--command", "true", "--max-cost", "2"), 2, "--price"),
    ],
)
def test_a_slip_is_told_before_a_run_is_made(
    cli, arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    ended, _, err = cli("tune", *arguments)
    assert ended == code
    assert said in err
    assert not (tmp_path / "runs").exists()


def test_values_of_the_data_are_not_printed_raw(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "script.py").write_text("import sys; sys.exit('\\x1b]0;title\\x07 \\x1b[31mred')")
    _, out, err = cli(*COMMAND, "--trials", "1")
    assert "\x1b" not in out + err.replace("\x1b[31m\x1b[1merror", "")
