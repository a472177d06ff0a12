"""Run directories: append-only, whole files, one writer."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.store.folder import RunFolder, list_runs

NOW = datetime(2026, 3, 14, 9, 15, 2)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "Fare (USD)/../x", NOW)


def test_a_run_is_named_by_time_and_target_and_stays_below_its_root(
    folder: RunFolder, tmp_path: Path
) -> None:
    assert folder.path.parent == tmp_path
    assert folder.name.startswith("20260314-091502-fare-usd-x-")


def test_events_come_back_as_they_were_recorded(folder: RunFolder) -> None:
    with folder.writing():
        folder.record("trial", "c01/1", {"score": 1.5}, 0.25)
        folder.record("note", "", {"text": 'a "quoted"\nline\u2028'}, 0.5)
    again = RunFolder.open(folder.path)
    assert again.events == folder.events
    found = again.find("trial", "c01/1")
    assert found is not None
    assert found.data == {"score": 1.5}
    assert again.find("trial", "c01/2") is None


def test_nan_is_refused_rather_than_written(folder: RunFolder) -> None:
    with folder.writing(), pytest.raises(ValueError, match="JSON"):
        folder.record("trial", "c01/1", {"score": float("nan")}, 0.0)
    assert (folder.path / "events.jsonl").read_bytes() == b""


def test_a_torn_line_is_not_read_and_is_cut_before_the_next_write(folder: RunFolder) -> None:
    with folder.writing():
        folder.record("a", "", {}, 0.0)
    with (folder.path / "events.jsonl").open("ab") as file:
        file.write(b'{"n": 2, "kind": "tr')
    again = RunFolder.open(folder.path)
    assert [event.kind for event in again.events] == ["a"]
    with again.writing():
        again.record("b", "", {}, 0.0)
    assert [event.kind for event in RunFolder.open(folder.path).events] == ["a", "b"]


def test_a_damaged_line_is_named(folder: RunFolder) -> None:
    (folder.path / "events.jsonl").write_bytes(b"not json\n")
    with pytest.raises(ConfigError, match="line 1"):
        RunFolder.open(folder.path)


def test_a_folder_that_is_no_run_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a run directory") as caught:
        RunFolder.open(tmp_path)
    assert "codegen-hpo runs" in caught.value.hint


def test_runs_are_listed_oldest_first(tmp_path: Path) -> None:
    later = RunFolder.create(tmp_path, "b", datetime(2026, 5, 1))
    earlier = RunFolder.create(tmp_path, "a", datetime(2026, 4, 1))
    (tmp_path / "no-run").mkdir()
    assert list_runs(tmp_path) == [earlier.path, later.path]


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: a write fails in its middle, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_neither_a_torn_event_nor_half_a_file(folder: RunFolder) -> None:
    with folder.writing():
        folder.record("note", "a", {}, 0.0)
        size = (folder.path / "events.jsonl").stat().st_size
        with files_end_at(size + 20), pytest.raises(OSError, match="large"):
            folder.record("note", "b", {"text": "x" * 100}, 0.0)
        with files_end_at(50), pytest.raises(OSError, match="large"):
            folder.write("code/model.py", "y" * 100)
        folder.record("note", "c", {}, 0.0)
    assert [event.key for event in RunFolder.open(folder.path).events] == ["a", "c"]
    assert list((folder.path / "code").iterdir()) == []


def test_no_link_is_followed_to_write_a_file(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("my own")
    for name in ("log.md.part", "log.md"):
        (folder.path / name).symlink_to(tmp_path / "mine")
    with folder.writing():
        assert folder.write("log.md", "the run's").read_text() == "the run's"
    assert (tmp_path / "mine").read_text() == "my own"
    assert sorted(path.name for path in folder.path.iterdir()) == ["events.jsonl", "lock", "log.md"]


def test_no_file_is_read_that_lies_outside_of_the_run(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("1")
    (folder.path / "linked.json").symlink_to(tmp_path / "mine.json")
    (folder.path / "code").symlink_to(tmp_path)
    (folder.path / "loop").symlink_to(folder.path / "loop")
    names = ("linked.json", "code/mine.json", "../mine.json", str(tmp_path / "mine.json"), "loop/x", "a\0b")
    for name in names:
        with pytest.raises(ConfigError, match="outside of the run"):
            folder.read_json(name)
    (folder.path / "own.json").write_text("2")
    assert folder.read_json("own.json") == 2


@pytest.mark.parametrize("name", ["trials", "trials/t001"])
def test_no_file_is_written_into_a_folder_that_is_a_link(
    folder: RunFolder, tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine").mkdir()
    (folder.path / name).parent.mkdir(exist_ok=True)
    (folder.path / name).symlink_to(tmp_path / "mine")
    with folder.writing(), pytest.raises(ConfigError, match=f"{name} is a link"):
        folder.write("trials/t001/stdout.txt", "hello")
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("name", ["events.jsonl", "lock"])
def test_a_run_whose_record_or_lock_is_a_link_is_not_written(
    folder: RunFolder, tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine").write_bytes(b"torn")
    (folder.path / name).unlink(missing_ok=True)
    (folder.path / name).symlink_to(tmp_path / "mine")
    with pytest.raises(ConfigError, match=f"{name} is a link"), RunFolder(folder.path).writing():
        pass
    assert (tmp_path / "mine").read_bytes() == b"torn"


def test_a_part_that_a_kill_left_is_written_anew(folder: RunFolder) -> None:
    (folder.path / "log.md.part").write_text("half of it")
    assert folder.write("log.md", "all").read_text() == "all"
    assert not (folder.path / "log.md.part").exists()


def test_looking_whether_a_run_is_being_written_leaves_no_lock_behind(folder: RunFolder) -> None:
    before = sorted(path.name for path in folder.path.iterdir())
    assert not folder.is_being_written()
    assert sorted(path.name for path in folder.path.iterdir()) == before
    with folder.writing():
        changed = (folder.path / "lock").stat().st_mtime_ns
        assert RunFolder.open(folder.path).is_being_written()
        assert (folder.path / "lock").stat().st_mtime_ns == changed
    assert not folder.is_being_written()
