"""A space written as TOML: what is read, and what is said of a slip."""

from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Choice, Float, Int
from codegen_hpo.space_file import read_space

GOOD = """
[lr]
type = "float"
low = 1e-5
high = 0.1
log = true
default = 1e-3
description = "Step size."

[width]
type = "int"
low = 16
high = 512

[act]
options = ["relu", "gelu"]

[bias]
type = "bool"
default = true

[folds]
type = "choice"
options = [3, 5, 10]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "space.toml"
    path.write_text(text)
    return path


def test_every_type_is_read(tmp_path: Path) -> None:
    imported = read_space(written(tmp_path, GOOD))
    assert imported.notes == ()
    assert dict(imported.space) == {
        "lr": Float(1e-5, 0.1, log=True, default=1e-3, description="Step size."),
        "width": Int(16, 512),
        "act": Choice(("relu", "gelu")),
        "bias": Choice((False, True), default=True),
        "folds": Choice((3, 5, 10)),
    }


def test_a_nested_table_is_a_dotted_name(tmp_path: Path) -> None:
    nested = (
        '[optimizer.lr]\ntype = "float"\nlow = 0\nhigh = 1\n[optimizer.type]\noptions = ["sgd", "adam"]\n'
    )
    flat = '["optimizer.momentum.first"]\noptions = [0.8, 0.9]\n'
    assert dict(read_space(written(tmp_path, nested + flat)).space) == {
        "optimizer.lr": Float(0, 1),
        "optimizer.type": Choice(("sgd", "adam")),
        "optimizer.momentum.first": Choice((0.8, 0.9)),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[o.x]\noptions = [1, 2]\n["o.x"]\noptions = [1, 2]', "o.x: it is there twice"),
        ("[o.x]\noptions = [1, 2]\n[o.y]\nlow = 1", "o.y: its type is missing"),
        ('[x]\ntype = "float"\nlow = 0\nhigh = 1\nlgo = true', "x: unknown key 'lgo'; a float has low, high"),
        ('[x]\ntype = "float"\nlow = 1', "x: high is missing"),
        ('[x]\ntype = "int"', "x: low and high are missing"),
        ('[x]\ntype = "real"\nlow = 0\nhigh = 1', "x: its type is 'real', expected one of float, int"),
        ("[x]\nlow = 0\nhigh = 1", "x: its type is missing"),
        ('[x]\ntype = "choice"', "x: options is missing"),
        ("x = 3", "x: it is 3, expected a table"),
        ('[x]\noptions = ["a"]', "x: it has a single value"),
        ('[x]\ntype = "int"\nlow = 2\nhigh = 2', "x: it has a single value"),
        ('[x]\ntype = "float"\nlow = 2\nhigh = 1', "x: low 2 is above high 1"),
        ("[x]\noptions = [1, 1]", "x: the option 1 is there twice"),
        ("[x]\noptions = [[1], 2]", "x: the option [1] is neither text, number nor boolean"),
        ("", "holds no arguments"),
        ("[x", "is not TOML"),
    ],
)
def test_a_slip_is_named_with_its_file_and_entry(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_space(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.hint


def test_slips_of_every_kind_are_told_together(tmp_path: Path) -> None:
    text = '[a]\nlow = 1\n[b]\ntype = "float"\nlow = 2\nhigh = 1\n[c]\noptions = []'
    with pytest.raises(ConfigError) as caught:
        read_space(written(tmp_path, text))
    assert [line.rpartition("toml, ")[2][0] for line in str(caught.value).splitlines()] == ["a", "b", "c"]


@pytest.mark.parametrize("content", ["[1]", "{}", "{", '{"x": 3}'])
def test_json_that_is_no_space_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "space.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"space\.json"):
        read_space(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.toml"):
        read_space(tmp_path / "none.toml")
