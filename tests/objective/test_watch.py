"""Waiting with limits, and what a folder takes on the disk."""

import os
from pathlib import Path

from codegen_hpo.objective.watch import Room, disk_bytes, wait


def test_an_end_before_all_limits_is_none() -> None:
    assert wait(lambda wait_s: True, 1.0) == ""


def test_the_time_is_a_limit() -> None:
    waits: list[float] = []

    def never(wait_s: float) -> bool:
        waits.append(wait_s)
        return False

    assert wait(never, 0.0) == "time"
    assert waits == [0.0]


def test_the_disk_is_a_limit(tmp_path: Path) -> None:
    room = Room(tmp_path, 1 << 20)

    def write(wait_s: float) -> bool:
        with (tmp_path / "log").open("ab") as file:
            file.write(b"x" * (300 << 10))
        return False

    assert wait(write, None, room) == "disk"
    assert (tmp_path / "log").stat().st_size <= 2 << 20


def test_what_is_there_before_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(3 << 20))
    assert not Room(tmp_path, 1 << 20).exceeded()


def test_empty_files_sparse_files_and_links_count_for_what_they_take(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "link").symlink_to("/")
    assert disk_bytes(tmp_path) < 1 << 20
    before = disk_bytes(tmp_path)
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert disk_bytes(tmp_path) >= before + 100 * 4096


def test_a_folder_too_deep_to_count_takes_more_than_any_limit(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    opened = [here]
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=opened[-1])
        opened.append(os.open("d" * 200, os.O_RDONLY, dir_fd=opened[-1]))
    try:
        assert disk_bytes(tmp_path) == float("inf")
    finally:
        for descriptor in reversed(opened[:-1]):
            os.rmdir("d" * 200, dir_fd=descriptor)
        for descriptor in opened:
            os.close(descriptor)
