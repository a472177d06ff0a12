"""Where arguments go: into the file, into the command's places, or nowhere, which is refused."""

import json
import os
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.script.configuration import Configuration, based, open_configuration
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.space import Choice, Dimension, Float, Int, Space

CONFIG = {"lr": 0.1, "epochs": 5, "stop": None, "model": {"act": "relu"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "c.json").write_text(json.dumps(CONFIG))
    (tmp_path / "t.py").write_text("LR = 0.1  # step\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(command: str, *names: str, config: str = "", constants: str = "") -> Configuration:
    source = ValueSource(metric="loss")
    script = Script(command=command, config=config, constants=constants, source=source)
    return open_configuration(script, names or None)


def test_arguments_of_a_file_are_merged_over_its_base(tmp_path: Path) -> None:
    configuration = opened("true", config="c.json")
    (tmp_path / "copy").mkdir()
    configuration.write({"model.act": "tanh", "stop": 3}, tmp_path / "copy")
    written = json.loads((tmp_path / "copy/c.json").read_text())
    assert written == CONFIG | {"stop": 3, "model": {"act": "tanh"}}
    assert configuration.words({"model.act": "tanh"}, folder="/w", file="/w/a") == ["true"]
    assert configuration.text == json.dumps(CONFIG)
    assert configuration.base == {"lr": 0.1, "epochs": 5, "model.act": "relu"}
    assert configuration.names == ("lr", "epochs", "stop", "model.act")
    assert json.loads(configuration.shown({"lr": 0.5}))["lr"] == 0.5


def test_a_file_that_is_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/c.json").symlink_to(tmp_path / "c.json")
    opened("true", config="c.json").write({"lr": 0.5}, tmp_path / "copy")
    assert json.loads((tmp_path / "c.json").read_text()) == CONFIG
    assert json.loads((tmp_path / "copy/c.json").read_text())["lr"] == 0.5


def test_a_script_whose_constants_are_edited_stays_executable(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/t.py").touch(mode=0o755)
    opened("true", constants="t.py").write({"LR": 0.5}, tmp_path / "copy")
    assert os.access(tmp_path / "copy/t.py", os.X_OK)
    assert (tmp_path / "copy/t.py").read_text() == "LR = 0.5  # step\n"


def test_places_of_the_command_go_beside_a_file() -> None:
    configuration = opened("true {seed} --out {folder}", "lr", "seed", config="c.json")
    words = configuration.words({"lr": 0.5, "seed": 3}, folder="/w", file="/w/a.json")
    assert words == ["true", "3", "--out", "/w"]
    assert json.loads(configuration.shown({"lr": 0.5, "seed": 3})) == CONFIG | {"lr": 0.5}


def test_a_command_alone_has_places_or_is_given_everything() -> None:
    placed = opened("true --lr {lr}")
    assert (placed.names, placed.base, placed.text) == (("lr",), {}, "true --lr {lr}")
    assert placed.shown({"lr": 0.5}) == "true --lr 0.5"
    appended = opened("true", "lr", "act")
    assert appended.words({"lr": 0.5, "act": "a b"}, folder="", file="")[1:] == [
        "--lr",
        "0.5",
        "--act",
        "a b",
    ]


@pytest.mark.parametrize(
    ("command", "names", "fields", "said"),
    [
        ("true {lr}", (), {"config": "c.json"}, "lr has a place in the command and a value in c.json"),
        ("true {LR}", (), {"constants": "t.py"}, "LR has a place in the command and a value in t.py"),
        ("true", ("lrr",), {"config": "c.json"}, "c.json has no lrr"),
        ("true {seed}", ("lr", "sed"), {"config": "c.json"}, "c.json has no sed"),
        ("true {seed}", ("lr",), {"config": "c.json"}, "a place {seed}, and the space has no such"),
        ("true", ("model",), {"config": "c.json"}, "it is a table"),
        ("true", ("lr",), {"constants": "t.py"}, "no constant lr"),
        ("true", (), {}, "nothing says what can be tuned"),
        ("no-such-program", ("lr",), {}, "no program 'no-such-program'"),
    ],
)
def test_what_has_no_place_or_two_is_refused(
    command: str, names: tuple[str, ...], fields: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(command, *names, **fields)
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_program_is_looked_for_from_the_scripts_folder(tmp_path: Path) -> None:
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp/run.sh").touch(mode=0o755)
    source = ValueSource(metric="loss")
    open_configuration(Script(command="./run.sh {x}", folder="exp", source=source))
    open_configuration(Script(command="only-in-the-image {x}", sandbox="docker", source=source))
    with pytest.raises(ConfigError, match=r"no program '\./run\.sh'"):
        open_configuration(Script(command="./run.sh {x}", source=source))


def test_the_base_becomes_the_default_of_each_argument() -> None:
    space = Space(
        {
            "lr": Float(0.01, 1.0, default=0.5),
            "epochs": Float(1.0, 10.0),
            "model.act": Choice(("tanh", "relu")),
            "stop": Int(1, 9),
            "seed": Int(0, 9, default=4),
        }
    )
    found = based(space, opened("true {seed}", *space, config="c.json"))
    expected = {"lr": 0.1, "epochs": 5.0, "model.act": "relu", "stop": None, "seed": 4}
    assert {name: dimension.default for name, dimension in found.space.items()} == expected
    assert found.notes == ()


@pytest.mark.parametrize(
    ("dimension", "default"),
    [
        (Float(0.0, 0.05), None),
        (Int(1, 5), None),
        (Choice((True, False)), None),
        (Choice(("0.1", "0.2")), None),
        (Choice((0.1, 0.2)), 0.1),
    ],
)
def test_a_base_value_that_is_not_in_the_space_is_told(dimension: Dimension, default: object) -> None:
    found = based(Space({"lr": dimension}), opened("true", "lr", config="c.json"))
    assert found.space["lr"].default == default
    assert len(found.notes) == (default is None)
    assert all("lr is 0.1 now" in note for note in found.notes)


def test_text_of_a_number_is_the_number_where_one_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("lr: 1e-3\nn: 1e1\nname: 1e-3\n")
    space = Space({"lr": Float(1e-5, 1.0), "n": Int(1, 20), "name": Choice(("1e-3", "x"))})
    found = based(space, opened("true", config="c.yaml"))
    assert found.space.defaults() == {"lr": 1e-3, "n": 10, "name": "1e-3"}
