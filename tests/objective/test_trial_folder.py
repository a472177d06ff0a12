"""What a call left in the run: in a folder that no call had before, and read back as plain text."""

import os
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.trial_folder import fresh_folder, keep_output, read_log
from codegen_hpo.store.folder import RunFolder


def test_no_folder_is_used_twice(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    names = []
    for _ in range(3):
        names.append(fresh_folder(folder, 7))
        (tmp_path / names[-1]).mkdir(parents=True)
    assert names == ["trials/t007", "trials/t007.1", "trials/t007.2"]


def test_a_log_is_both_streams_without_control_characters(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    keep_output(folder, "trials/t001", Ended(0, "", "", b"a\x1b[31m\r\nb\xff\n", b"oh\x07\n"))
    assert read_log(folder, "trials/t001") == "--- stdout\na\nb\ufffd\n--- stderr\noh\n"
    keep_output(folder, "trials/t002", Ended(0, "", "", b"", b"oh"))
    assert read_log(folder, "trials/t002") == "--- stderr\noh\n"


def test_a_call_that_left_nothing_has_no_log(tmp_path: Path) -> None:
    (tmp_path / "stdout.txt").write_text("not of a call")
    assert read_log(RunFolder(tmp_path), "") == read_log(RunFolder(tmp_path), "trials/t003") == ""


def test_a_link_in_the_place_of_a_trials_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials/t007").symlink_to(tmp_path / "nowhere")
    assert fresh_folder(RunFolder(tmp_path), 7) == "trials/t007.1"


def test_no_trial_gets_a_folder_out_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "run/trials").symlink_to(tmp_path / "mine")
    with pytest.raises(ConfigError, match="trials is a link"):
        fresh_folder(RunFolder(tmp_path / "run"), 1)


def test_no_log_is_read_through_a_link_or_waited_for(tmp_path: Path) -> None:
    (tmp_path / "run/trials/t001").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/stdout.txt").write_text("hunter2")
    (tmp_path / "run/trials/t001/stdout.txt").symlink_to(tmp_path / "secret/stdout.txt")
    os.mkfifo(tmp_path / "run/trials/t001/stderr.txt")
    (tmp_path / "run/trials/t002").symlink_to(tmp_path / "secret")
    folder = RunFolder(tmp_path / "run")
    assert read_log(folder, "trials/t001") == (
        "--- stdout\n"
        "(trials/t001/stdout.txt cannot be read: a link leads there, and links are not followed)\n"
        "--- stderr\n(trials/t001/stderr.txt is no regular file)\n"
    )
    told = read_log(folder, "trials/t002")
    assert "links are not followed" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("files", ["..", "/etc", "trials/t001/../../x", "trials", "trials/t001\n", "llm"])
def test_only_the_folder_of_a_trial_holds_a_log(tmp_path: Path, files: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "stdout.txt").write_text("hunter2")
    assert read_log(RunFolder(tmp_path / "run"), files) == f"({files!r} is no folder of a trial)\n"


def test_a_log_that_grew_is_read_in_part(tmp_path: Path) -> None:
    (tmp_path / "trials/t001").mkdir(parents=True)
    with (tmp_path / "trials/t001/stdout.txt").open("wb") as file:
        file.write(b"begun\n")
        file.truncate(1 << 32)
    assert len(read_log(RunFolder(tmp_path), "trials/t001")) < 2 << 20
