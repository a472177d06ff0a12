"""Constants of a Python script: found, edited in place, and refused where an edit would mean nothing."""

import ast
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.script.constants import Constants, read_constants

SCRIPT = '''#!/usr/bin/env python
"""Trains."""
import sys

# the step of the optimiser
LR = 1e-3  # log scale
EPOCHS: int = 5; NESTEROV = True
NAME = 'a'
WIDTH = (64)

def train(LR=LR):
    WIDTH = 3
    return LR

if __name__ == "__main__":
    print(train())
'''


def constants(tmp_path: Path, text: str) -> Constants:
    (tmp_path / "train.py").write_bytes(text.encode())
    return read_constants(tmp_path, "train.py")


def test_literals_in_capitals_at_the_top_level_are_found(tmp_path: Path) -> None:
    held = constants(tmp_path, SCRIPT)
    assert held.base == {"LR": 1e-3, "EPOCHS": 5, "NESTEROV": True, "NAME": "a", "WIDTH": 64}
    assert held.text.startswith("# the step of the optimiser\nLR = 1e-3  # log scale\n")
    assert "def train" not in held.text


def test_nothing_but_the_values_changes(tmp_path: Path) -> None:
    held = constants(tmp_path, SCRIPT)
    arguments = {"LR": 2, "EPOCHS": 50, "NESTEROV": False, "NAME": "b'\n", "WIDTH": -8}
    expected = (
        SCRIPT.replace("LR = 1e-3 ", "LR = 2.0 ")
        .replace("= 5;", "= 50;")
        .replace("= True", "= False")
        .replace("'a'", '"b\'\\n"')
        .replace("(64)", "-8")
    )
    assert held.edited(arguments).decode() == expected
    assert held.edited({}).decode() == SCRIPT
    assert "EPOCHS: int = 50; NESTEROV = False" in held.shown(arguments)


@pytest.mark.parametrize("text", ["X = 1\r\nprint(X)\r\n", "X = 1", "\ufeffX = 1\n", "\n\nX = 1 ;\n"])
def test_line_ends_and_marks_of_the_file_stay(tmp_path: Path, text: str) -> None:
    held = constants(tmp_path, text)
    assert held.edited({"X": 2}) == text.replace("1", "2").encode()


def test_a_file_in_another_encoding_keeps_it(tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\nX = 'é'  # ü\n"
    (tmp_path / "train.py").write_bytes(text.encode("latin-1"))
    held = read_constants(tmp_path, "train.py")
    assert held.base == {"X": "é"}
    written = held.edited({"X": "€"})
    assert "# ü".encode("latin-1") in written
    assert ast.literal_eval(written.decode("latin-1").splitlines()[1].partition("=")[2].strip()) == "€"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("X = 1\nX = 2", "more than once"),
        ("X = 1\nX += 2", "more than once"),
        ("X = 1\nif True:\n    X = 2", "more than once"),
        ("X = 1\ndef f():\n    global X\n    X = 2", "more than once"),
        ("X = 1\nfor X in (): pass", "more than once"),
        ("X = 1\nprint(X := 2)", "more than once"),
        ("import sys as X\nX = 1", "more than once"),
        ("X = 2 ** 3", "not assigned a number"),
        ("X = 1e999", "not assigned a number"),
        ("X = None", "not assigned a number"),
        ("X = [1]", "not assigned a number"),
        ("X, Z = 1, 2", "not assigned a number"),
        ("X = Z = 1", "not assigned a number"),
        ("if True:\n    X = 1", "not assigned a number"),
        ("def f():\n    X = 1", "has no constant X"),
        ("x = 1", "has no constant X"),
    ],
)
def test_a_constant_that_an_edit_would_not_reach_is_refused(tmp_path: Path, text: str, said: str) -> None:
    held = constants(tmp_path, f"Y = 1\n{text}\n")
    assert held.names == ("Y",)
    with pytest.raises(ConfigError) as caught:
        held.require("X")
    assert said in str(caught.value)
    assert "X" in str(caught.value)
    assert caught.value.hint


def test_a_file_that_was_changed_after_it_was_written_is_told(tmp_path: Path) -> None:
    held = constants(tmp_path, SCRIPT)
    assert held.departure(held.edited({"LR": 0.5}), {"LR": 0.5}) == ""
    assert held.departure(SCRIPT.encode(), {"LR": 0.5}) == "it is not as it was written"


def test_a_local_name_in_a_function_is_another_one(tmp_path: Path) -> None:
    assert constants(tmp_path, "X = 1\ndef f():\n    X = 2\n").base == {"X": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("X = = 1", "is not Python: invalid syntax"),
        ("print(1)", "has no constants"),
        ("X = '\0'", "is not Python: source code"),
    ],
)
def test_a_file_without_constants_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        constants(tmp_path, text)
    assert said in str(caught.value)
