"""Where an option comes from: the command line, the environment, the files, its default."""

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from codegen_hpo.cli.configuration_file import GENERAL, options_of
from codegen_hpo.cli.main import COMMANDS, cli

Cli = Callable[..., tuple[int, str, str]]
Write = Callable[[str], None]


@pytest.fixture
def folder_says(tmp_path: Path) -> Write:
    """Writes the working folder's file."""
    return lambda text: (tmp_path / "codegen-hpo.toml").write_text(text, encoding="utf-8") and None


@pytest.fixture
def user_says(tmp_path: Path) -> Write:
    """Writes the user's own file."""

    def write(text: str) -> None:
        file = tmp_path / "config" / "codegen-hpo" / "config.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def shown(program: Cli) -> Callable[..., dict[str, tuple[str, str]]]:
    """The options of `config show` with their values and sources."""

    def show(*words: str) -> dict[str, tuple[str, str]]:
        code, out, err = program("config", "show", *words, "--json")
        assert code == 0, err
        rows = json.loads(out)["options"]
        return {f"{row['command']} {row['option']}".strip(): (row["value"], row["source"]) for row in rows}

    return show


def test_each_source_goes_before_the_next(
    shown: Callable[..., dict[str, tuple[str, str]]],
    folder_says: Write,
    user_says: Write,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert shown("fit")["fit seed"] == ("0", "default")
    assert shown("fit")["fit cookbook"] == ("false", "default")
    user_says("[fit]\nseed = 1\n")
    assert shown("fit")["fit seed"] == ("1", str(tmp_path / "config" / "codegen-hpo" / "config.toml"))
    folder_says("[fit]\nseed = 2\n")
    assert shown("fit")["fit seed"] == ("2", "codegen-hpo.toml")
    monkeypatch.setenv("CODEGEN_HPO_FIT_SEED", "3")
    assert shown("fit")["fit seed"] == ("3", "environment, CODEGEN_HPO_FIT_SEED")


def test_a_command_takes_what_is_shown(
    program: Cli, folder_says: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    folder_says('runs = "mine"\n')
    assert "mine" in program("show", "latest")[2]
    monkeypatch.setenv("CODEGEN_HPO_RUNS", "theirs")
    assert "theirs" in program("show", "latest")[2]
    assert "typed" in program("show", "latest", "--runs", "typed")[2]


def test_a_required_option_may_stand_in_the_file(program: Cli, folder_says: Write, tmp_path: Path) -> None:
    rows = "".join(f"{n * n % 61},{n % 7},{n % 3}\n" for n in range(60))
    (tmp_path / "t.csv").write_text("a,b,y\n" + rows)
    folder_says('[fit]\ntarget = "y"\ndrop = ["b"]\ndry-run = true\n')
    code, out, err = program("fit", "t.csv")
    assert code == 0, err
    assert "dropped by the user" in out


@pytest.mark.parametrize("name", GENERAL)
def test_the_environment_goes_before_a_general_key_and_before_one_of_a_command(
    name: str,
    shown: Callable[..., dict[str, tuple[str, str]]],
    folder_says: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = "http://localhost:1/v1" if name == "base-url" else "a"
    folder_says(f'{name} = "{value}"\n')
    assert shown()[name] == (value, "codegen-hpo.toml")
    folder_says(f'[fit]\n{name} = "{value}"\n')
    assert shown()[f"fit {name}"] == (value, "codegen-hpo.toml")
    other = "http://localhost:2/v1" if name == "base-url" else "b"
    monkeypatch.setenv(GENERAL[name], other)
    assert shown("fit")[f"fit {name}"] == (other, f"environment, {GENERAL[name]}")
    monkeypatch.setenv(GENERAL[name], "")
    assert shown("fit")[f"fit {name}"] == (value, "codegen-hpo.toml")


def test_the_table_of_a_command_goes_before_a_general_key_of_its_file(
    shown: Callable[..., dict[str, tuple[str, str]]], folder_says: Write, user_says: Write
) -> None:
    folder_says('model = "general"\n[tune]\nmodel = "of tune"\n')
    user_says('[fit]\nmodel = "of the user"\n')
    assert shown("tune")["tune model"][0] == "of tune"
    assert shown("fit")["fit model"][0] == "general"


@pytest.mark.parametrize(
    ("variable", "value", "option", "shown_as"),
    [
        ("FIT_TIME", "30m", "time", "30m"),
        ("FIT_TRIAL_TIME", "9", "trial-time", "9"),
        ("FIT_DROP", "a,b", "drop", "a,b"),
        ("FIT_REASONING", "1", "reasoning", "true"),
        ("FIT_REASONING", "false", "reasoning", "false"),
    ],
)
def test_a_variable_has_the_name_of_the_option(
    variable: str,
    value: str,
    option: str,
    shown_as: str,
    shown: Callable[..., dict[str, tuple[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"CODEGEN_HPO_{variable}", value)
    assert shown("fit")[f"fit {option}"] == (shown_as, f"environment, CODEGEN_HPO_{variable}")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CODEGEN_HPO_FIT_TIME", "soon", "CODEGEN_HPO_FIT_TIME: 'soon' is not a time"),
        ("CODEGEN_HPO_FIT_UNSAFE_NO_SANDBOX", "1", "on the command line only"),
        ("CODEGEN_HPO_FIT_REASONING", "maybe", "is true or false"),
    ],
)
def test_a_variable_that_the_option_does_not_take_is_told(
    program: Cli, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, _, err = program("fit", "t.csv", "--target", "y")
    assert code == 3
    assert said in err


def test_a_variable_reaches_the_command_of_a_group(program: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEGEN_HPO_DATASETS_LIST_JSON", "true")
    code, out, _ = program("datasets", "list")
    assert code == 0
    assert json.loads(out)["datasets"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fit]\ntrails = 3", "[fit] has no option 'trails'\n  did you mean trials?"),
        ("modle = 'x'", "unknown modle\n  did you mean model?"),
        ("trials = 3", "an option stands in the table of its command"),
        ("[ftt]\nx = 1", "did you mean [fit]?"),
        ("[bench.tooy]\nseeds = 1", "did you mean [bench.toy]?"),
        ("[bench]\nseeds = 1", "unknown [bench.seeds]"),
        ("fit = 3", "unknown fit"),
        ("[fit]\ndata = 'x.csv'", "has no option 'data'"),
        ("[fit]\ntrials = 'many'", "[fit] trials: 'many' is not a valid integer"),
        ("[fit]\ntrials = true", "takes another kind of value"),
        ("[fit]\nreasoning = 'yes'", "is true or false"),
        ("[fit]\nprice = [[1]]", "takes another kind of value"),
        ("[fit]\ntime = 'soon'", "write 90s, 30m or 1.5h"),
        ("model = [", "is not TOML"),
        ("[fit]\nunsafe-no-sandbox = true", "on the command line only"),
        ("[resume]\ntrust-command = true", "on the command line only"),
        ("[bench.peers]\npeer-python = './x'", "on the command line only"),
        ("base-url = 'https://evil.example/v1'", "your key and prompts would go there"),
        ("[fit]\nbase-url = 'http://localhost.evil.example/v1'", "your key and prompts would go there"),
        ("base-url = 'http://['", "base-url is no address"),
        ("[fit]\nworkers = 'ray://192.0.2.1:10001'", "workers says where a run's data goes"),
        ("[resume]\nsink = ['mlflow:http://192.0.2.1:5000']", "sink says where a run's data goes"),
        ("[serve]\nhost = '0.0.0.0'", "who reads it"),
        ("[export]\noptuna = 'sqlite:///x.db'", "optuna says where"),
        ("[report]\noutput = '/etc/motd'", "lies outside of this folder"),
        ("[predict]\noutput = '../x.csv'", "lies outside of this folder"),
        ("runs = '/srv/runs'", "lies outside of this folder"),
    ],
)
def test_what_a_file_may_not_say_ends_every_command_but_says_what_to_do(
    program: Cli, folder_says: Write, text: str, said: str
) -> None:
    folder_says(text)
    code, _, err = program("runs")
    assert code == 3
    assert "codegen-hpo.toml" in err
    assert said in err


def test_a_file_of_the_folder_does_not_write_through_a_link_out_of_it(
    program: Cli, folder_says: Write, tmp_path: Path
) -> None:
    folder_says("[predict]\noutput = 'out.csv'")
    assert program("runs")[0] == 0
    Path("out.csv").symlink_to(tmp_path.parent / "elsewhere.csv")
    code, _, err = program("runs")
    assert code == 3
    assert "lies outside of this folder" in err


@pytest.mark.parametrize(
    "text",
    [
        "api-key = 'hunter2'",
        "OPENAI_API_KEY = 'hunter2'",
        "[fit]\nmodel = 'sk-hunter2'",
        "[llm.deep]\npassword = 'hunter2'",
        "base-url = 'http://me:hunter2@localhost/v1'",
        "base-url = 'http://localhost/v1?key=hunter2'",
        "[fit]\nsink = ['mlflow:postgresql://me:hunter2@h/db']",
        "[fit]\nsink = ['sk-hunter2']",
        "[export]\noptuna = 'postgresql://me:hunter2@h/db'",
    ],
)
def test_a_secret_is_refused_and_not_repeated(
    program: Cli, user_says: Write, text: str, tmp_path: Path
) -> None:
    user_says(text)
    code, out, err = program("runs")
    assert code == 3
    assert "export OPENAI_" in err
    assert "hunter2" not in out + err


def test_the_own_file_may_name_another_machine(
    shown: Callable[..., dict[str, tuple[str, str]]], user_says: Write
) -> None:
    user_says("base-url = 'https://models.example/v1'")
    assert shown()["base-url"][0] == "https://models.example/v1"


def test_neither_the_key_nor_a_password_is_shown(
    shown: Callable[..., dict[str, tuple[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:hunter2@models.example/v1?k=hunter2")
    monkeypatch.setenv("CODEGEN_HPO_FIT_SINK", "mlflow:postgresql://me:hunter2@h/db")
    rows = shown()
    assert rows["base-url"] == ("http://models.example/v1", "environment, OPENAI_BASE_URL")
    assert rows["OPENAI_API_KEY"] == ("set; not shown", "environment only")
    assert "hunter2" not in str(rows)


def test_the_paths_are_told_even_where_a_file_is_broken(
    program: Cli, folder_says: Write, tmp_path: Path
) -> None:
    folder_says("[")
    code, out, _ = program("config", "path")
    assert code == 0
    assert out.splitlines() == [
        str(tmp_path / "codegen-hpo.toml"),
        f"{tmp_path}/config/codegen-hpo/config.toml  (is not there)",
    ]


def test_general_keys_are_those_of_several_commands() -> None:
    context = click.Context(cli)
    for name in GENERAL:
        command = cli.get_command(context, "fit")
        assert command
        assert name in options_of(command)
    assert cli.list_commands(context) == list(COMMANDS)


@pytest.mark.parametrize("words", [("nonsense",), ("bench", "nonsense")])
def test_a_command_that_is_not_there_is_told(program: Cli, words: tuple[str, ...]) -> None:
    assert program("config", "show", *words)[0] == 2
