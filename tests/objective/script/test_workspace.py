"""The scratch copy: what is in it, what is not, and that the original stays as it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.script import original as originals
from codegen_hpo.objective.script.original import Original
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.workspace import Workspace
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.store.folder import RunFolder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script's folder, in which everything begins."""
    (tmp_path / "exp/lib").mkdir(parents=True)
    (tmp_path / "exp/train.py").write_text("print(1)")
    (tmp_path / "exp/lib/model.py").write_text("pass")
    (tmp_path / "away").mkdir()
    (tmp_path / "away/data.csv").write_text("1")
    monkeypatch.chdir(tmp_path / "exp")
    return tmp_path / "exp"


def original(command: str = "true", leave_out: tuple[str, ...] = (), run: str = "runs/r") -> Original:
    script = Script(command=command, source=ValueSource(metric="loss"), leave_out=leave_out)
    return Original.of(script, run=Path(run).resolve())


def copied(tmp_path: Path, name: str = "copy", *, outward_links: bool = True, **options: object) -> Workspace:
    made = original(**options)  # type: ignore[arg-type]
    return Workspace(made, tmp_path / name, outward_links=outward_links)


def files(path: Path) -> list[str]:
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if not p.is_dir() or p.is_symlink())


def test_what_the_script_needs_is_copied_and_the_rest_is_not(tmp_path: Path, folder: Path) -> None:
    for name in (
        ".git/HEAD",
        "__pycache__/a.pyc",
        "lib/x.pyc",
        ".venv/bin/python",
        "node_modules/a",
        "big/a",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "lib/keep.ckpt").touch()
    workspace = copied(tmp_path, leave_out=("big/", "*.ckpt"))
    assert files(workspace.path) == ["lib/model.py", "train.py"]


def test_no_run_is_copied_wherever_it_is(tmp_path: Path, folder: Path) -> None:
    for name in ("runs/r", "runs/other", "old/20260101-101010-x-abc", "lib/r"):
        (folder / name).mkdir(parents=True)
        (folder / name / "events.jsonl").touch()
    workspace = copied(tmp_path)
    # a folder of the script's own that has such a file stays
    assert files(workspace.path) == ["lib/model.py", "lib/r/events.jsonl", "train.py"]
    inside = Workspace(original(), folder / "runs/r/trials/t001/work", outward_links=True)
    assert files(inside.path) == files(workspace.path)


def test_runs_of_any_name_and_a_folder_that_holds_nothing_else_are_not_copied(
    tmp_path: Path, folder: Path
) -> None:
    for name in ("repeats/agenthpo-seed0", "repeats/random-seed0", "lib/random-seed0"):
        (folder / name).mkdir(parents=True)
        run = RunFolder(folder / name)
        (run.path / "events.jsonl").touch()
        run.record("settings", "", {}, 0.0)
    for name in ("repeats/milestones.md", "repeats/milestones.png"):
        (folder / name).touch()
    workspace = copied(tmp_path)
    assert files(workspace.path) == ["lib/model.py", "train.py"]
    assert not (workspace.path / "repeats").exists()


@pytest.mark.slow
def test_what_this_program_prints_into_the_folder_is_not_copied(folder: Path) -> None:
    code = (
        "from codegen_hpo.objective.script.original import Original\n"
        "from codegen_hpo.objective.script.record import Script\n"
        "from codegen_hpo.objective.value_source import ValueSource\n"
        "script = Script(command='true', source=ValueSource(metric='loss'))\n"
        "print(*(entry.path for entry in Original.of(script).entries()))\n"
    )
    with Path("nohup.out").open("w") as printed:
        subprocess.run([sys.executable, "-c", code], stdout=printed, check=True)
    assert Path("nohup.out").read_text() == "lib lib/model.py train.py\n"


def test_what_cannot_be_written_in_the_original_can_in_the_copy(tmp_path: Path, folder: Path) -> None:
    (folder / "lib/model.py").chmod(0o444)
    (folder / "lib").chmod(0o555)
    (folder / "train.py").chmod(0o755)
    try:
        path = copied(tmp_path).path
    finally:
        (folder / "lib").chmod(0o755)
    assert [oct((path / name).stat().st_mode)[-3:] for name in ("lib", "lib/model.py", "train.py")] == [
        "755",
        "644",
        "755",
    ]


def test_links_within_the_folder_stay_within_the_copy(tmp_path: Path, folder: Path) -> None:
    (folder / "lib/up.py").symlink_to("../train.py")
    (folder / "absolute").symlink_to(folder / "lib/model.py")
    (folder / "through").symlink_to("../exp/lib")
    (folder / "loop").symlink_to(".")
    (folder / "dead").symlink_to("nowhere")
    path = copied(tmp_path, outward_links=False).path
    found = {name: os.readlink(path / name) for name in ("lib/up.py", "absolute", "through", "loop", "dead")}
    assert found == {
        "lib/up.py": "../train.py",
        "absolute": "lib/model.py",
        "through": "lib",
        "loop": ".",
        "dead": "nowhere",
    }


def test_a_link_that_leads_out_is_kept_or_left_out_with_a_note(tmp_path: Path, folder: Path) -> None:
    (folder / "data").symlink_to("../away")
    kept = copied(tmp_path)
    assert (kept.path / "data/data.csv").read_text() == "1"
    assert kept.notes == [
        "data leads out of the script's folder: what is behind it is no copy, and the script can change it"
    ]
    left = copied(tmp_path, "contained", outward_links=False)
    assert not (left.path / "data").is_symlink()
    assert left.notes == ["data leads out of the script's folder, and is not in the copy"]


def test_many_links_that_lead_out_are_told_in_one_note(tmp_path: Path, folder: Path) -> None:
    for number in range(8):
        (folder / f"data{number}").symlink_to("../away")
    (kept,) = copied(tmp_path).notes
    assert kept.startswith("data0, data1, data2, data3, data4 and 3 more lead out of the script's folder")


def test_a_pipe_is_left_out_and_not_waited_for(tmp_path: Path, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    workspace = copied(tmp_path)
    assert workspace.notes == ["pipe is no plain file, and is not in the copy"]
    assert files(workspace.path) == ["lib/model.py", "train.py"]


def test_too_large_a_folder_is_refused_with_what_is_largest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "data").mkdir()
    with (folder / "data/train.bin").open("wb") as file:
        file.truncate(600 << 20)
    with pytest.raises(ConfigError) as caught:
        original().entries()
    assert "600 MiB in 5 files and folders, at most 512 MiB" in str(caught.value)
    assert "the most is in data (600 MiB)" in str(caught.value)
    assert "--leave-out" in caught.value.hint
    assert "--folder" in caught.value.hint
    (folder / "data/train.bin").unlink()
    monkeypatch.setattr(originals, "MOST_FILES", 3)
    with pytest.raises(ConfigError, match=r"at most 512 MiB in 3; the most is in lib \(2\)"):
        original().entries()


@pytest.mark.parametrize(
    "word", ["{}/train.py", "--config={}/c.json", "{}", "{}/lib/../train.py", "PATH=/a:{}/lib:/b"]
)
def test_a_command_that_names_the_original_is_refused(folder: Path, word: str) -> None:
    with pytest.raises(ConfigError, match="by its absolute path") as caught:
        original(command=f"python {word.format(folder)}")
    assert caught.value.hint.startswith("write ")


def test_a_command_may_name_what_is_not_copied_or_lies_elsewhere(folder: Path) -> None:
    for word in (f"{folder}/.venv/bin/python", f"{folder}eriment/x", f"/mnt{folder}/x", "/", "train.py"):
        original(command=f"{word} train.py")


def test_an_old_result_is_removed_from_the_copy_alone(tmp_path: Path, folder: Path) -> None:
    (folder / "out/tb").mkdir(parents=True)
    for name in ("out/m.json", "out/tb/events.out.tfevents.1", "out/tb/note.txt"):
        (folder / name).touch()
    (folder / "link.json").symlink_to("out/m.json")
    workspace = copied(tmp_path)
    for name in ("out/tb", "link.json", "out/none.json"):
        workspace.remove_old_result(name)
    assert files(workspace.path) == ["lib/model.py", "out/m.json", "out/tb/note.txt", "train.py"]
    workspace.remove_old_result("out/m.json")
    assert "out/m.json" not in files(workspace.path)
    assert (folder / "out/m.json").exists()


def test_an_old_result_behind_a_link_is_neither_removed_nor_read(tmp_path: Path, folder: Path) -> None:
    (folder / "out").symlink_to("../away")
    with pytest.raises(ConfigError, match="behind a link"):
        copied(tmp_path).remove_old_result("out/data.csv")
    assert (tmp_path / "away/data.csv").exists()


def test_a_run_keeps_what_the_script_wrote_or_changed(tmp_path: Path, folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "data").symlink_to("../away")
    (folder / "lib/same.py").write_text("1")
    workspace = copied(tmp_path)
    (workspace.path / "model.bin").write_text("weights")
    (workspace.path / "lib/model.py").write_text("else")
    (workspace.path / "made").mkdir()
    workspace.tidy()
    assert files(workspace.path) == ["lib/model.py", "model.bin"]
    assert sorted(p.name for p in workspace.path.iterdir()) == ["lib", "made", "model.bin"]


def test_tidying_follows_no_link_that_a_script_made(tmp_path: Path, folder: Path) -> None:
    (folder / "empty").mkdir()
    for name, made in (("lib", "lib"), ("all", ".")):
        workspace = copied(tmp_path, name)
        (workspace.path / made).rename(tmp_path / f"moved-{name}")
        (workspace.path / made).symlink_to(folder / made)
        workspace.tidy()
    assert files(folder) == ["lib/model.py", "train.py"]
    assert (folder / "empty").is_dir()
    assert files(tmp_path / "moved-lib") == ["model.py"]


def test_no_program_that_a_script_left_acts_as_its_owner(tmp_path: Path) -> None:
    workspace = copied(tmp_path)
    (workspace.path / "closed").mkdir()
    for name in ("shell", "closed/shell", "lib/model.py"):
        (workspace.path / name).write_text("#!/bin/sh")
        (workspace.path / name).chmod(0o6755)
    (tmp_path / "away/theirs").touch()
    (tmp_path / "away/theirs").chmod(0o4755)
    (workspace.path / "link").symlink_to(tmp_path / "away")
    (workspace.path / "closed").chmod(0o311)
    workspace.tidy()
    for name in ("shell", "closed/shell", "lib/model.py"):
        assert (workspace.path / name).stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "away/theirs").stat().st_mode & 0o4000, "no link is followed"
