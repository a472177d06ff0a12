import errno
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import landlock
import pytest
from guard import _PR_SET_NO_NEW_PRIVS, prctl

needs_landlock = pytest.mark.skipif(not landlock.version(), reason="no Landlock")


def restricted(*readable: Path) -> None:
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict([str(path) for path in readable])


def error_of(attempt: Callable[[], Any]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """One to open and one to keep closed."""
    for name in ("opened", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("text")
    return tmp_path / "opened", tmp_path / "closed"


@needs_landlock
def test_only_the_named_paths_are_read(apart: Callable[..., Any], folders: tuple[Path, Path]) -> None:
    opened, closed = folders

    def work() -> list[str]:
        restricted(opened, Path("/is/not/there"))
        attempts = (
            lambda: (opened / "file").read_text(),
            lambda: os.listdir(opened),
            lambda: (closed / "file").read_text(),
            lambda: os.listdir(closed),
            lambda: os.listdir("/"),
            lambda: open("/proc/self/environ").close(),
        )
        return [error_of(attempt) for attempt in attempts]

    assert apart(work) == ["", "", "EACCES", "EACCES", "EACCES", "EACCES"]


@needs_landlock
def test_a_single_file_can_be_named(apart: Callable[..., Any], folders: tuple[Path, Path]) -> None:
    opened, _ = folders

    def work() -> list[str]:
        restricted(opened / "file")
        return [error_of((opened / "file").read_text), error_of(lambda: os.listdir(opened))]

    assert apart(work) == ["", "EACCES"]


@needs_landlock
def test_nothing_is_changed_even_where_reading_is_allowed(
    apart: Callable[..., Any], folders: tuple[Path, Path]
) -> None:
    opened, _ = folders

    def work() -> list[str]:
        restricted(opened)
        attempts = (
            lambda: (opened / "file").write_text("other"),
            lambda: (opened / "new").touch(),
            lambda: (opened / "file").unlink(),
            lambda: (opened / "folder").mkdir(),
            lambda: (opened / "link").symlink_to("file"),
            lambda: os.mkfifo(opened / "pipe"),
        )
        return [error_of(attempt) for attempt in attempts]

    assert set(apart(work)) == {"EACCES"}
    assert [file.name for file in opened.iterdir()] == ["file"]
    assert (opened / "file").read_text() == "text"


@needs_landlock
def test_it_cannot_be_undone(apart: Callable[..., Any], folders: tuple[Path, Path]) -> None:
    opened, closed = folders

    def work() -> str:
        restricted(opened)
        landlock.restrict(["/", str(closed)])
        return error_of((closed / "file").read_text)

    assert apart(work) == "EACCES"


@pytest.mark.skipif(landlock.version() < 4, reason="no network rights")
def test_no_port_is_reached(apart: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

        def work() -> list[str]:
            restricted()
            connect = error_of(lambda: socket.create_connection(address, timeout=2))
            return [connect, error_of(lambda: socket.create_server(("127.0.0.1", 0)))]

        found = apart(work)
    assert found[0] == "EACCES"
    assert found[1] in ("EACCES", "")  # port 0 is a right of its own in some kernels


@pytest.mark.skipif(landlock.version() < 6, reason="no scopes")
def test_no_process_outside_is_signalled(apart: Callable[..., Any]) -> None:
    def work() -> str:
        restricted()
        return error_of(lambda: os.kill(os.getppid(), 0))

    assert apart(work) == "EPERM"


@pytest.mark.parametrize(
    ("version", "rights"),
    [
        (1, [0x1FFF]),
        (2, [0x3FFF]),
        (3, [0x7FFF]),
        (4, [0x7FFF, 3]),
        (5, [0xFFFF, 3]),
        (6, [0xFFFF, 3, 3]),
        (7, [0xFFFF, 3, 3]),
        (9, [0xFFFF, 3, 3]),
    ],
)
def test_each_kernel_is_asked_for_what_it_knows(version: int, rights: list[int]) -> None:
    attributes = landlock.denied(version)
    assert list(struct.unpack(f"={len(rights)}Q", attributes)) == rights
