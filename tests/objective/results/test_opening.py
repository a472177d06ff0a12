"""Files that hostile code may have put in the place of a result."""

import os
from pathlib import Path

import pytest

from codegen_hpo.objective.results.opening import (
    FILE_BYTES,
    ROWS,
    UnreadableError,
    opened,
    read_text_file,
)
from codegen_hpo.objective.value_source import ValueSource


def read(folder: Path, name: str) -> bytes:
    with opened(folder, name) as descriptor:
        return read_text_file(descriptor, name)


def test_a_file_in_a_folder_below_is_read(tmp_path: Path) -> None:
    (tmp_path / "logs/run").mkdir(parents=True)
    (tmp_path / "logs/run/m.json").write_text("1")
    assert read(tmp_path, "logs/run/m.json") == b"1"
    assert read(tmp_path, "./logs//run/m.json") == b"1"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    for name in ("m.json", "logs/m.json"):
        with pytest.raises(UnreadableError, match=f"wrote no {name}"):
            read(tmp_path, name)


@pytest.mark.parametrize("target", ["../secret.json", "/etc/passwd", "here.json", "nowhere"])
def test_a_link_is_not_followed_wherever_it_leads(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "secret.json").write_text("1")
    (folder / "here.json").write_text("1")
    (folder / "m.json").symlink_to(target)
    with pytest.raises(UnreadableError, match="links are not followed"):
        read(folder, "m.json")


def test_a_link_on_the_way_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/m.json").write_text("1")
    (folder / "logs").symlink_to("../outside")
    with pytest.raises(UnreadableError, match="links are not followed"):
        read(folder, "logs/m.json")


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.json")
    with pytest.raises(UnreadableError, match="no regular file"):
        read(tmp_path, "m.json")


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("1")
    with pytest.raises(UnreadableError, match="Not a directory"):
        read(tmp_path, "logs/m.json")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "m.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UnreadableError, match=f"larger than {FILE_BYTES >> 20} MiB"):
        read(tmp_path, "m.json")


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("1")
    (tmp_path / "link").symlink_to("m.json")
    before = os.listdir("/dev/fd")
    read(tmp_path, "m.json")
    with pytest.raises(UnreadableError):
        read(tmp_path, "link")
    assert os.listdir("/dev/fd") == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", "a\n" + "1\n" * (ROWS + 1)),
        ("m.jsonl", "{}\n" * (ROWS + 1)),
        ("m.json", '{"loss": [' + "1," * ROWS + "1]}"),
    ],
)
def test_a_file_of_many_rows_is_not_held_in_memory(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    complaint = ValueSource(metric="loss", file=name).read("", tmp_path).complaint
    assert complaint == f"{name} has more than {ROWS} rows"
