"""Whose a workspace is in a container."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from codegen_hpo.objective.script.owner import container_user, hand_over


@pytest.mark.parametrize(
    ("security", "uid", "user"),
    [
        (["name=seccomp,profile=default"], 1234, "1234:5678"),
        (["name=seccomp,profile=default"], 0, "65534:65534"),
        (["name=rootless", "name=cgroupns"], 1234, "0:0"),
        (None, 1234, "1234:5678"),
    ],
)
def test_the_containers_user_may_write_what_this_user_may(
    security: list[str] | None, uid: int, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(os, "getegid", lambda: 5678)
    client = SimpleNamespace(info=lambda: {"SecurityOptions": security})
    assert container_user(client) == user  # type: ignore[arg-type]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_is_handed_over_is_the_copy_and_not_what_its_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/data").write_text("mine")
    work = tmp_path / "work"
    (work / "below").mkdir(parents=True)
    (work / "below/train.py").write_text("1")
    (work / "link").symlink_to("../outside")
    hand_over(work)
    given = [work, work / "below", work / "below/train.py", work / "link"]
    assert {path.lstat().st_uid for path in given} == {65534}
    assert {path.lstat().st_uid for path in (tmp_path / "outside", tmp_path / "outside/data")} == {0}
