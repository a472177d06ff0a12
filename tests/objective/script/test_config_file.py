"""Configuration files: what of them can be tuned, what is written, and what is refused."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.script.config_file import ConfigFile, read_config
from codegen_hpo.space import Scalar

# what space_check lets through
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)

JSON = """{
  "lr": 0.1, "epochs": 5, "nesterov": true, "name": "a", "stop": null,
  "layers": [1, 2], "model": {"width": 64, "head": {"dropout": 0.5}}, "odd.key": 1, "bad": NaN
}"""
TOML = """# how it trains
lr = 0.1  # the step
epochs = 5
nesterov = true
name = 'a'
layers = [1, 2]
model.width = 64
begun = 2024-01-01

[model.head]
dropout = 0.5  # of the last layer
"""
YAML = """# how it trains
defaults: &defaults
  lr: 1e-3
  epochs: 5
train:
  <<: *defaults
  name: "yes"
other: *defaults
layers: [1, 2]
on: 1
"""


def config(tmp_path: Path, name: str, text: str) -> ConfigFile:
    (tmp_path / name).write_bytes(text.encode())
    return read_config(tmp_path, name)


def test_json_gives_its_scalars_with_nested_keys_joined_by_dots(tmp_path: Path) -> None:
    held = config(tmp_path, "c.json", JSON)
    base = {"lr": 0.1, "epochs": 5, "nesterov": True, "name": "a", "model.width": 64}
    assert held.base == base | {"model.head.dropout": 0.5}
    assert held.names == (*list(base)[:4], "stop", "model.width", "model.head.dropout", "bad")


def test_json_is_written_with_all_else_as_it_was(tmp_path: Path) -> None:
    held = config(tmp_path, "c.json", JSON.replace(', "bad": NaN', ""))
    written = json.loads(held.edited({"lr": 2, "model.head.dropout": 0.25, "stop": 7, "epochs": 2.5}))
    assert written == json.loads(held.text) | {
        "lr": 2.0,
        "stop": 7,
        "epochs": 2.5,
        "model": {"width": 64, "head": {"dropout": 0.25}},
    }
    assert isinstance(written["lr"], float), "a float stays one, though a whole number was proposed"


def test_toml_keeps_its_comments_and_its_order(tmp_path: Path) -> None:
    held = config(tmp_path, "c.toml", TOML)
    text = held.edited({"lr": 1e-05, "model.head.dropout": 0.25, "model.width": 8, "name": 'b"'}).decode()
    assert "lr = 1e-05  # the step" in text
    assert "dropout = 0.25  # of the last layer" in text
    expected: dict[str, Any] = tomllib.loads(TOML)
    expected |= {"lr": 1e-05, "name": 'b"', "model": {"width": 8, "head": {"dropout": 0.25}}}
    assert tomllib.loads(text) == expected
    assert list(tomllib.loads(text)) == list(tomllib.loads(TOML))


@pytest.mark.parametrize(
    "text",
    [
        "[a]\nx = 1\n[b]\ny = 2\n[a.c]\nz = 3\n",
        "a = {x = 1, c = {z = 3}}\r\nb.y = 2\r\n",
        "[a.c]\nz = 3\n[b]\ny = 2\n[a]\nx = 1\n",
        "a.x = 1\nb.y = 2\na.c.z = 3\n",
    ],
)
def test_toml_is_edited_however_its_tables_are_written(tmp_path: Path, text: str) -> None:
    held = config(tmp_path, "c.toml", text)
    written = tomllib.loads(held.edited({"a.x": 10, "a.c.z": 30, "b.y": 20}).decode())
    assert written == {"a": {"x": 10, "c": {"z": 30}}, "b": {"y": 20}}


def test_yaml_floats_are_written_so_that_yaml_reads_them_as_floats(tmp_path: Path) -> None:
    held = config(tmp_path, "c.yaml", YAML)
    for value in (1e-05, 1e20, 0.1, -2.5e-9, 3.0):
        assert yaml.safe_load(held.edited({"defaults.lr": value}))["defaults"]["lr"] == value
    assert b"lr: 1.0e-05" in held.edited({"defaults.lr": 1e-05})


def test_a_yaml_alias_shares_no_value_that_is_written(tmp_path: Path) -> None:
    held = config(tmp_path, "c.yml", YAML)
    written = yaml.safe_load(held.edited({"train.lr": 0.5, "train.name": "no"}))
    assert written["train"] == {"lr": 0.5, "epochs": 5, "name": "no"}
    assert written["defaults"] == written["other"] == {"lr": "1e-3", "epochs": 5}
    assert (written["layers"], written[True]) == ([1, 2], 1)


def test_what_takes_a_yaml_value_by_an_alias_or_a_merge_key_follows_it(tmp_path: Path) -> None:
    held = config(tmp_path, "c.yml", YAML)
    written = yaml.safe_load(held.edited({"defaults.lr": 0.5, "defaults.epochs": 9, "train.epochs": 7}))
    assert written["defaults"] == written["other"] == {"lr": 0.5, "epochs": 9}
    assert written["train"] == {"lr": 0.5, "epochs": 7, "name": "yes"}
    text = "lr: &lr 0.1\na: {lr: *lr}\nb: &b {x: {y: 1}, z: 2}\nc: {<<: [*b, {q: 3}], z: 4}\n"
    held = config(tmp_path, "d.yml", text)
    written = yaml.safe_load(held.edited({"lr": 0.5, "b.x.y": 5, "b.z": 6}))
    assert written == {
        "lr": 0.5,
        "a": {"lr": 0.5},
        "b": {"x": {"y": 5}, "z": 6},
        "c": {"x": {"y": 5}, "z": 4, "q": 3},
    }


@pytest.mark.parametrize(
    "value", ["yes", "1e-3", "null", "# no", "a: b", "ü", "1.0", "- x", "", "\x85", "a\u2028b"]
)
@pytest.mark.parametrize("name", ["c.json", "c.toml", "c.yaml"])
def test_a_text_is_read_back_as_the_same_text(tmp_path: Path, name: str, value: str) -> None:
    held = config(tmp_path, name, {"c.json": '{"x": "a"}', "c.toml": 'x = "a"', "c.yaml": "x: a"}[name])
    (tmp_path / name).write_bytes(held.edited({"x": value}))
    assert read_config(tmp_path, name).base == {"x": value}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"lr": 0.25, "epochs": 9}', ""),
        ('{"lr": 0.5}', "lr is 0.5 in it, and was 0.25"),
        ('{"epochs": 5}', "it has no lr"),
        ("[]", "it has no lr"),
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        (" " * (2 << 20), "it is larger than 1 MiB"),
    ],
)
def test_a_file_that_no_longer_has_what_was_written_is_told(tmp_path: Path, content: str, said: str) -> None:
    held = config(tmp_path, "c.json", JSON)
    assert held.departure(held.edited({"lr": 0.25}), {"lr": 0.25}) == ""
    assert held.departure(content.encode(), {"lr": 0.25}) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("layers", "it is a list"),
        ("layers.0", "layers is a list"),
        ("model", "it is a table"),
        ("odd.key", "the key 'odd.key' holds a dot"),
        ("model.widht", "has no model.widht"),
        ("lr.x", "has no lr.x"),
        ("momentum", "has no momentum"),
    ],
)
def test_a_name_that_cannot_be_tuned_is_refused_with_its_reason(tmp_path: Path, name: str, said: str) -> None:
    held = config(tmp_path, "c.json", JSON)
    with pytest.raises(ConfigError) as caught:
        held.require(name)
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_slip_of_the_pen_is_told_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, "c.json", JSON).require("model.widht")
    assert "model.width" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.json", '{"a": 1,\n "b" 2}', "c.json is not JSON: Expecting ':' delimiter: line 2"),
        ("c.toml", "a = 1\nb =", "c.toml is not TOML: Invalid value (at end of document)"),
        ("c.yaml", "a: 1\nb: [", "line 2"),
        ("c.yaml", "a: !!python/object/apply:os.getcwd []", "c.yaml is not YAML"),
        ("c.yaml", "&a {x: *a, y: 1}", "c.yaml is not YAML"),
        ("c.json", "[1, 2]", "holds no values"),
        ("c.json", '{"a": [1], "b": {}}', "holds no values"),
        ("c.yaml", "", "holds no values"),
        ("c.ini", "a = 1", "of no kind that is known"),
        ("c.json", "[" * 100_000, "c.json is not JSON"),
        ("c.json", " " * (2 << 20), "larger than 1 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, name, text)
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_few_lines_of_yaml_that_stand_for_millions_of_values_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 {x: 1, y: 2, z: 3}"]
    lines += [f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}, z: *a{n - 1}}}" for n in range(1, 20)]
    with pytest.raises(ConfigError, match="more than 10000 values"):
        config(tmp_path, "c.yaml", "\n".join(lines))


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"c\.json in the folder .* cannot be read: No such file"):
        read_config(tmp_path, "c.json")
    (tmp_path / "c.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        read_config(tmp_path, "c.json")


@pytest.mark.parametrize(("name", "text"), [("c.json", '{"x": 1}'), ("c.toml", "x = 1"), ("c.yaml", "x: 1")])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans(), _TEXTS)
)
def test_every_value_of_a_space_is_read_back(tmp_path: Path, name: str, text: str, value: Scalar) -> None:
    if name == "c.toml" and isinstance(value, int):
        value %= 1 << 62  # TOML has no larger ones
    (tmp_path / name).write_bytes(config(tmp_path, name, text).edited({"x": value}))
    found = read_config(tmp_path, name).base["x"]
    assert (type(found), found) == (type(value), value)
