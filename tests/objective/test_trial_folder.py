"""What a call left in the run: in a folder that no call had before, and read back as plain text."""

from pathlib import Path

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
