"""What a run records of a script: no absolute path, nothing outside of its folder."""

import json
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.script.record import Script, relative_file, relative_folder
from codegen_hpo.objective.value_source import ValueSource

SOURCE = ValueSource(metric="loss", file="metrics.json")


def test_a_script_is_read_back_as_it_was_written() -> None:
    script = Script(
        command="python t.py",
        config="c.json",
        source=SOURCE,
        timeout_s=60.0,
        folder="exp",
        sandbox="docker",
        image="mine:1",
        leave_out=("data/*",),
    )
    assert Script.from_json(json.loads(json.dumps(script.to_json()))) == script


def test_a_folder_and_its_files_are_told_relative_to_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exp/conf").mkdir(parents=True)
    (tmp_path / "exp/conf/c.json").touch()
    monkeypatch.chdir(tmp_path)
    assert relative_folder(tmp_path / "exp") == relative_folder(Path("exp")) == "exp"
    assert relative_folder(tmp_path) == "."
    for given in ("conf/c.json", "exp/conf/c.json", str(tmp_path / "exp/conf/c.json")):
        assert relative_file(Path("exp"), Path(given), "--config") == "conf/c.json"


def test_a_file_that_is_a_link_is_told_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "exp").mkdir()
    (tmp_path / "shared.json").touch()
    (tmp_path / "exp/c.json").symlink_to("../shared.json")
    assert relative_file(tmp_path / "exp", Path("c.json"), "--config") == "c.json"


def test_a_file_outside_of_the_folder_or_absent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "exp").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "away/c.json").touch()
    (tmp_path / "exp/link").symlink_to("../away")
    for given in (tmp_path / "away/c.json", Path("link/c.json"), Path("../away/c.json")):
        with pytest.raises(ConfigError, match="not inside the script's folder") as caught:
            relative_file(tmp_path / "exp", given, "--config")
        assert "--folder" in caught.value.hint
    with pytest.raises(ConfigError, match=r"--constants none\.py: there is no such file"):
        relative_file(tmp_path / "exp", Path("none.py"), "--constants")
    with pytest.raises(ConfigError, match="is no folder"):
        relative_folder(tmp_path / "away/c.json")


@pytest.mark.parametrize(
    "fields",
    [
        {"config": "c.json", "constants": "t.py"},
        {"config": "/etc/passwd"},
        {"constants": "a/../../t.py"},
        {"folder": "/home"},
    ],
)
def test_a_record_that_speaks_of_files_elsewhere_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Script(command="true", source=SOURCE, **fields)  # type: ignore[arg-type]
