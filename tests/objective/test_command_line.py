"""A command with places: what stands in them, and what is refused."""

import sys
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.command_line import CommandLine, places
from codegen_hpo.space import Choice, Float, Scalar

SPACE = {"lr": Float(0.0, 1.0), "act": Choice(("a", "b"))}
ARGUMENTS: dict[str, Scalar] = {"lr": 1e-05, "act": "a; rm -rf {lr} $HOME"}


def filled(text: str) -> list[str]:
    line = CommandLine.parse(text.replace("python", sys.executable), SPACE)
    return line.filled(ARGUMENTS, folder="/f", file="/f/arguments.json")[1:]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("python t.py --lr {lr} --act={act}", ["t.py", "--lr", "1e-05", "--act=a; rm -rf {lr} $HOME"]),
        ("python 't t.py'", ["t t.py", "--lr", "1e-05", "--act", "a; rm -rf {lr} $HOME"]),
        ("python --out {folder}", ["--out", "/f", "--lr", "1e-05", "--act", "a; rm -rf {lr} $HOME"]),
        ("python {arguments}", ["/f/arguments.json"]),
        ("python {arguments} {lr}", ["/f/arguments.json", "1e-05"]),
        ("python '{{lr}} {\"a\": {}}' {lr}{act}", ['{lr} {"a": {}}', "1e-05a; rm -rf {lr} $HOME"]),
    ],
)
def test_values_stand_in_their_places_and_stay_in_one_word(text: str, words: list[str]) -> None:
    assert filled(text) == words


def test_booleans_and_numbers_are_written_to_be_read_back() -> None:
    line = CommandLine.parse("true", {"b": 0, "x": 0, "n": 0})
    words = line.filled({"b": True, "x": 0.1 + 0.2, "n": 3}, folder="", file="")
    assert words[1:] == ["--b", "true", "--x", "0.30000000000000004", "--n", "3"]


def test_a_value_with_a_leading_dash_is_not_taken_for_an_option() -> None:
    line = CommandLine.parse("true", {"x": 0, "a": 0})
    assert line.filled({"x": -1e-05, "a": "-v"}, folder="", file="")[1:] == ["--x=-1e-05", "--a=-v"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("python {lrr}", "a place {lrr}"),
        ("python {lr}", "none for act"),
        ("python 'a", "No closing quotation"),
        ("  ", "empty"),
        ("no-such-program-anywhere {arguments}", "no program 'no-such-program-anywhere'"),
    ],
)
def test_a_command_that_does_not_fit_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        filled(text)
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_program_beside_the_user_is_found_as_it_will_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp/run.sh").touch(mode=0o755)
    CommandLine.parse("./run.sh", {}, program_in=tmp_path / "exp")
    monkeypatch.chdir(tmp_path / "exp")
    CommandLine.parse("./run.sh", {})
    with pytest.raises(ConfigError, match=r"no program 'run\.sh'"):
        CommandLine.parse("run.sh", {})


@pytest.mark.parametrize("name", ["9x", "a+b", "ü", "a/b", "x|y", "lr.max"])
def test_every_name_of_a_space_has_its_place(name: str) -> None:
    line = CommandLine.parse(f"true {{{name}}} {{{{{name}}}}}", {name: 0})
    assert line.filled({name: 3}, folder="", file="")[1:] == ["3", f"{{{name}}}"]


@pytest.mark.parametrize("name", ["arguments", "folder"])
def test_an_argument_is_not_named_as_a_place_of_another_meaning(name: str) -> None:
    with pytest.raises(ConfigError, match=f"an argument '{name}'") as caught:
        CommandLine.parse("true", {"x": 0, name: 0})
    assert "another name" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("python t.py --lr {lr} {model.width} {folder} {lr}", ("lr", "model.width", "folder")),
        ("python '{{lr}} {\"a\": {}} { x }'", ()),
    ],
)
def test_the_places_of_a_command_are_known_without_a_space(text: str, names: tuple[str, ...]) -> None:
    assert places(text) == names
