"""Who follows a run reads what is whole, and reads it once."""

from datetime import datetime
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.tail import Tail


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "y", datetime(2026, 3, 14))


def test_events_come_once_and_in_order(run: RunFolder) -> None:
    tail = Tail(run.path)
    assert tail.read() == []
    with run.writing():
        first = run.record("settings", "", {}, 0.0)
        second = run.record("prepared", "", {}, 1.0)
        assert tail.read() == [first, second]
        third = run.record("sandbox", "", {}, 2.0)
    assert tail.read() == [third]
    assert tail.read() == []


def test_a_line_that_is_being_written_waits_for_its_end(run: RunFolder) -> None:
    tail = Tail(run.path)
    with run.writing():
        run.record("settings", "", {}, 0.0)
    whole = (run.path / "events.jsonl").read_bytes()
    (run.path / "events.jsonl").write_bytes(whole[:-9])
    assert tail.read() == []
    (run.path / "events.jsonl").write_bytes(whole)
    assert [event.kind for event in tail.read()] == ["settings"]


def test_a_damaged_line_is_named(run: RunFolder) -> None:
    (run.path / "events.jsonl").write_text('{"n": 1}\n')
    with pytest.raises(ConfigError, match=r"events\.jsonl, line 1: not an event"):
        Tail(run.path).read()


def test_a_run_that_is_gone_is_told(run: RunFolder) -> None:
    (run.path / "events.jsonl").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        Tail(run.path).read()
