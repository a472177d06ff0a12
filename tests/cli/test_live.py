"""What stands at the foot of a terminal while a run works; a pipe gets the lines alone."""

import io
import sys
from collections.abc import Callable
from typing import Any

import pytest

from codegen_hpo.cli import terminal
from codegen_hpo.cli.live import Foot, following
from codegen_hpo.records import Event
from codegen_hpo.watch.progress import Progress

BUDGET = {"trials": 20, "seconds": None, "tokens": 5000}
SETTINGS = {"author": "llm:m", "tuner": "llm", "model": "m", "endpoint": "u", "parallel": 2, "folds": 1}
SETTINGS |= {"threads": 1, "candidates": 1, "explore": None, "reseed": 0, "budget": BUDGET}


def event(kind: str, key: str = "", **data: Any) -> Event:
    return Event(number=1, time="2026-03-14T12:00:00+00:00", elapsed_s=1.0, kind=kind, key=key, data=data)


def call(key: str, **arguments: Any) -> Event:
    return event("call", key, arguments=arguments, proposed_by="llm", reasoning="")


TRIAL = event(
    "trial",
    "c01/1",
    number=1,
    candidate="c01",
    call={"arguments": {"width": 64}, "proposed_by": "default", "reasoning": ""},
    outcome={"status": "ok", "error": "", "stopped": "epochs", "seconds": 9.0, "curve": [[1, 1.0, 1.0, 1.0]]},
    loss=0.5,
    score=0.5,
    wall_s=9.0,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def put_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of 100 columns on stderr. No fixture: pytest puts its own stream there before each test."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    terminal.console.cache_clear()
    return stream


def drawn(*events: Event, width: int = 100) -> list[str]:
    """The lines of the foot after these events."""
    from rich.console import Console

    foot = Foot("rmse", Progress())
    for one in events:
        foot.receive(one)
    console = Console(file=io.StringIO(), width=width)
    console.print(foot)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_the_foot_names_what_goes_on_the_best_and_what_is_spent() -> None:
    begun = [event("settings", **SETTINGS), event("candidate", "c01/1", name="c01"), TRIAL]
    lines = drawn(*begun, call("c01/2", width=7), call("c01/3", width=8), call("c01/4", width=9))
    assert [line.split()[:2] for line in lines[:3]] == [
        ["trains", "t002"],
        ["trains", "t003"],
        ["waits", "t004"],
    ]
    assert "usually 9 s" in lines[0]
    assert lines[0].endswith("c01 llm width=7")
    assert lines[3].startswith("  best rmse: t001 0.5 after 1 epoch  ·  1 of 20 trials  ·  ")
    assert lines[3].endswith("  ·  0 of 5000 tokens")


def test_the_foot_says_at_which_epoch_a_trial_is() -> None:
    at = event("passed", "t002", fold=1, folds=1, epoch=31)
    trains, _ = drawn(event("settings", **SETTINGS), TRIAL, call("c01/2", width=96), at)
    assert "trains t002" in trains
    assert "usually 9 s, epoch 31" in trains


def test_a_long_call_gives_way_and_keeps_to_its_line() -> None:
    lines = drawn(event("settings", **SETTINGS), TRIAL, call("c01/2", way="x" * 300))
    assert lines[0].startswith("  trains t002 ")
    assert ", usually 9 s c01 llm way=xxx" in lines[0]
    assert lines[0].endswith("…")
    assert len(lines) == 2


def test_a_narrow_terminal_shows_all_that_is_spent() -> None:
    lines = drawn(event("settings", **SETTINGS), TRIAL, width=40)
    assert max(map(len, lines)) <= 40
    told = " ".join(" ".join(lines).split())
    assert "best rmse: t001 0.5 after 1 epoch · 1 of 20 trials · " in told
    assert told.endswith(" of 5000 tokens")


def test_before_the_first_trial_there_is_none_best() -> None:
    lines = drawn(event("settings", **SETTINGS), event("sandbox"))
    assert lines[0].split()[:2] == ["writes", "c01"]
    assert "best rmse: none yet" in lines[1]


def test_text_of_a_model_is_neither_markup_nor_a_line_nor_an_escape() -> None:
    begun = [event("settings", **SETTINGS), TRIAL]
    lines = drawn(*begun, call("c01/2", way="[/x]\x1b[31m\nbest rmse: t009 0"))
    assert len(lines) == 2
    assert "[/x]�[31m" in lines[0]


def test_more_work_than_there_is_room_for_is_counted() -> None:
    begun = event("settings", **(SETTINGS | {"parallel": 40}))
    lines = drawn(begun, TRIAL, *(call(f"c01/{number}") for number in range(2, 20)))
    assert lines[10].strip() == "and 8 more"
    assert len(lines) == 12


def test_a_terminal_gets_the_lines_and_a_foot_that_is_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = put_terminal(monkeypatch)
    with following("rmse", loud=True) as sinks:
        tell(sinks, event("settings", **SETTINGS), event("candidate", "c01/1", name="c01"))
        tell(sinks, TRIAL)
    told = screen.getvalue()
    assert "t001 default rmse 0.5" in told
    assert "best rmse: none yet" in told
    assert told.index("\x1b[?25l") < told.rindex("\x1b[?25h")  # the cursor is back
    assert told.rstrip().endswith("\x1b[2K")


def test_no_color_leaves_the_colours_out(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = put_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    with following("rmse", loud=True) as sinks:
        tell(sinks, event("settings", **SETTINGS))
    assert "\x1b[3" not in screen.getvalue()


@pytest.mark.parametrize("dumb", [True, False])
def test_elsewhere_the_lines_stand_alone(monkeypatch: pytest.MonkeyPatch, dumb: bool) -> None:
    screen = put_terminal(monkeypatch)
    if dumb:
        monkeypatch.setenv("TERM", "dumb")
    else:
        monkeypatch.setattr(screen, "isatty", lambda: False)
    terminal.console.cache_clear()
    with following("rmse", loud=True) as sinks:
        tell(sinks, event("settings", **SETTINGS), TRIAL)
    assert "\x1b" not in screen.getvalue()
    assert len(screen.getvalue().splitlines()) == 3  # the settings take two


def test_quiet_is_no_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = put_terminal(monkeypatch)
    with following("rmse", loud=False) as sinks:
        assert sinks == ()
    assert screen.getvalue() == ""


def test_a_resumed_run_knows_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = put_terminal(monkeypatch)
    earlier = [event("settings", **SETTINGS), event("candidate", "c01/1", name="c01"), TRIAL]
    with following("rmse", loud=True, earlier=earlier) as sinks:
        tell(sinks, event("settings", **SETTINGS))
    assert "best rmse: t001 0.5" in screen.getvalue()


def tell(sinks: tuple[Any, ...], *events: Event) -> None:
    receivers: list[Callable[[Event], None]] = [sink.receive for sink in sinks]
    for one in events:
        for receive in receivers:
            receive(one)
