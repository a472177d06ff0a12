"""The list of example tasks, and copying them."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from codegen_hpo.cli.datasets import command
from codegen_hpo.errors import DataError
from codegen_hpo.table.example_tasks import TASKS, copy_tasks, example_task


def test_every_task_has_its_files() -> None:
    for task in TASKS:
        names = {path.name for path in task.folder.iterdir()}
        wanted = {"train.py", "task.md", "space.toml", task.config or "train.py"}
        assert wanted <= names, task.name


def test_every_folder_of_a_task_is_listed() -> None:
    folders = {path.name for path in TASKS[0].folder.parent.iterdir() if path.is_dir()}

    assert folders == {task.name for task in TASKS}


def test_a_copy_has_what_the_task_has_and_nothing_that_python_left(tmp_path: Path) -> None:
    task = example_task("click-through")
    (folder,) = copy_tasks([task], tmp_path)

    copied = {path.name for path in folder.rglob("*")}
    assert copied == {"train.py", "generate.py", "config.json", "task.md", "space.toml"}


def test_a_folder_that_exists_is_not_written_to(tmp_path: Path) -> None:
    task = example_task("click-through")
    (tmp_path / task.name).mkdir()
    (tmp_path / task.name / "train.py").write_text("mine")

    with pytest.raises(DataError, match="exists already"):
        copy_tasks([example_task("tabular-regression"), task], tmp_path)
    assert (tmp_path / task.name / "train.py").read_text() == "mine"
    assert not (tmp_path / "tabular-regression").exists()


def test_a_near_miss_of_a_name_is_answered_with_the_name() -> None:
    with pytest.raises(DataError) as raised:
        example_task("click-trough")
    assert "click-through" in raised.value.hint


def test_the_listing_tells_how_each_task_is_tuned() -> None:
    printed = CliRunner().invoke(command, ["tasks", "--json"])

    tasks = json.loads(printed.output)["tasks"]
    assert [task["name"] for task in tasks] == [task.name for task in TASKS]
    for task in tasks:
        words = shlex.split(task["command"])
        assert words[:2] == ["codegen-hpo", "tune-script"]
        assert words[2].startswith("python train.py")


def test_a_task_that_was_copied_is_told_with_the_command_to_start(tmp_path: Path) -> None:
    printed = CliRunner().invoke(command, ["tasks", "tabular-regression", "--to", str(tmp_path)])

    assert printed.exit_code == 0, printed.output
    assert printed.output.startswith(f"cd {tmp_path}/tabular-regression && codegen-hpo tune-script")
    assert (tmp_path / "tabular-regression" / "config.yaml").is_file()
