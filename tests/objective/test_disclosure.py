"""Paths of this machine in what a command said."""

from pathlib import Path

import pytest

from codegen_hpo.objective.disclosure import without_paths
from codegen_hpo.objective.process import Ended


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "ann"
    (home / "secret/work").mkdir(parents=True)
    (tmp_path / "link").symlink_to(home / "secret")
    monkeypatch.setenv("HOME", str(home))
    return home


def said(text: str, names: dict[Path, str]) -> str:
    data = text.encode()
    ended = without_paths(Ended(1, text, text, data, data), names)
    assert ended.output == ended.complaints
    assert ended.kept_output == ended.kept_complaints == ended.output.encode()
    return ended.output


def test_folders_have_other_names_and_the_home_is_a_tilde(home: Path) -> None:
    work = home / "secret/work"
    text = f'File "{work}/train.py", file://{work} {home}/x {home}. {work}'
    assert said(text, {work: "."}) == 'File "./train.py", file://. ~/x ~. .'


def test_a_folder_is_known_by_its_link_too(home: Path) -> None:
    work = home.parent / "link/work"
    assert said(f"{work}/a {work.resolve()}/b", {work: "."}) == "./a ./b"


def test_what_only_begins_like_a_folder_stays(home: Path) -> None:
    text = f"{home}a {home}-2 /mnt{home}/x"
    assert said(text, {}) == text


def test_a_home_at_the_root_is_no_name_of_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/")
    assert said("/usr/bin 1/2", {}) == "/usr/bin 1/2"
    assert said(f"/usr {tmp_path}/x", {tmp_path: "."}) == "/usr ./x"
