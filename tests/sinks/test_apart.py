"""A tracker on its own thread: a slow or broken one is not felt, and says so once."""

import logging
import threading

import pytest

from codegen_hpo.records import Event
from codegen_hpo.shown import without_password
from codegen_hpo.sinks.apart import Apart


def event(number: int) -> Event:
    return Event(
        number=number, time="2026-03-14T09:15:02.000+00:00", elapsed_s=1.0, kind="k", key="", data={}
    )


class Kept:
    """A tracker that remembers, and does what it is told at an event."""

    def __init__(self, at: dict[int, object] | None = None) -> None:
        self.at, self.numbers, self.closed = at or {}, [], False  # type: ignore[var-annotated]

    def receive(self, event: Event) -> None:
        action = self.at.get(event.number)
        if isinstance(action, Exception):
            raise action
        if isinstance(action, threading.Event):
            action.wait(30)
        self.numbers.append(event.number)

    def close(self) -> None:
        self.closed = True


def test_what_was_before_comes_first_and_nothing_is_lost_at_the_end() -> None:
    kept = Kept()
    with Apart("csv:t.csv", lambda: kept, [event(1), event(2)]) as sink:
        sink.receive(event(3))
    assert kept.numbers == [1, 2, 3]
    assert kept.closed


def test_a_tracker_that_fails_is_told_no_more_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept({2: RuntimeError("the server\nhttp://me:secret@h is \x1b[31mgone")})
    with caplog.at_level(logging.WARNING), Apart("mlflow:http://h", lambda: kept) as sink:
        for number in range(1, 50):
            sink.receive(event(number))
    assert kept.numbers == [1]
    assert kept.closed
    (said,) = caplog.messages
    assert "mlflow:http://h failed: RuntimeError: the server http://h is gone" in said


def test_a_tracker_that_does_not_open_does_not_end_the_run(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Kept:
        raise OSError("no such server")

    with caplog.at_level(logging.WARNING), Apart("tensorboard:d", broken) as sink:
        sink.receive(event(1))
    assert len(caplog.messages) == 1


def test_a_tracker_that_hangs_neither_slows_the_run_nor_keeps_it_from_ending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = threading.Event()
    kept = Kept({1: release})
    with caplog.at_level(logging.WARNING), Apart("csv:t.csv", lambda: kept, close_s=0.1) as sink:
        for number in range(1, 1000):
            sink.receive(event(number))
        assert kept.numbers == []
    assert "has got no further" in caplog.messages[0]
    release.set()


def test_a_password_is_not_told() -> None:
    assert without_password("mlflow:https://me:pass@word@host:5000/x@y") == "mlflow:https://host:5000/x@y"
    assert without_password("csv:a@b.csv") == "csv:a@b.csv"
    query = "postgresql://host/db?user=me&password=p%40ss&sslPassword=q&timeout=3"
    assert without_password(query) == "postgresql://host/db?user=me&password=…&sslPassword=…&timeout=3"
    assert without_password("mlflow:sqlite:///a.db?cache=shared") == "mlflow:sqlite:///a.db?cache=shared"
