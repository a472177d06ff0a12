"""Events as a run has them, with no more in them than those who follow it read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.records import Event

MakeEvent = Callable[..., Event]
SETTINGS = {
    "author": "llm:m",
    "tuner": "llm",
    "model": "m",
    "candidates": 1,
    "explore": None,
    "parallel": 1,
    "reseed": 0,
    "budget": {"trials": 4, "seconds": 60.0, "tokens": None},
}


@pytest.fixture
def event() -> MakeEvent:
    """An event of this kind and key, so many seconds after the begin of the run, at noon."""

    def make(kind: str, key: str = "", at_s: float = 0.0, **data: Any) -> Event:
        time = f"2026-03-14T12:{int(at_s) // 60:02}:{int(at_s) % 60:02}.000+00:00"
        return Event(number=1, time=time, elapsed_s=at_s, kind=kind, key=key, data=data)

    return make


@pytest.fixture
def settings(event: MakeEvent) -> MakeEvent:
    """The event with which a session begins: a model writes one candidate and proposes four calls."""
    return lambda **changes: event("settings", **{**SETTINGS, **changes})


@pytest.fixture
def call(event: MakeEvent) -> MakeEvent:
    def make(key: str, at_s: float = 0.0, by: str = "llm", **arguments: Any) -> Event:
        return event("call", key, at_s, arguments=arguments, proposed_by=by, reasoning="")

    return make


@pytest.fixture
def trial(event: MakeEvent) -> MakeEvent:
    """A trial's event; without a loss it failed."""

    def make(
        number: int,
        key: str,
        at_s: float = 0.0,
        loss: float | None = 1.0,
        by: str = "llm",
        status: str = "",
        **text: str,
    ) -> Event:
        call = {"arguments": {"width": 64}, "proposed_by": by, "reasoning": text.get("reasoning", "")}
        outcome = {
            "status": status or ("error" if loss is None else "ok"),
            "error": text.get("error", ""),
            "stopped": "patience",
            "seconds": 2.0,
            "curve": [[n, 1.0, 1.0 / n, 0.1 * n] for n in range(1, 101)],
        }
        candidate = key.partition("/")[0] if "/" in key else ""
        return event(
            "trial",
            key,
            at_s,
            number=number,
            candidate=candidate,
            call=call,
            outcome=outcome,
            loss=loss,
            score=loss,
        )

    return make


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes events into the folder of a run, after those that it has, as the engine does."""

    def write(*events: Event, name: str = "20260314-120000-y-abc") -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "events.jsonl"
        done = path.read_bytes().count(b"\n") if path.exists() else 0
        with path.open("a") as file:
            for number, one in enumerate(events, done + 1):
                line = {"n": number, "time": one.time, "elapsed_s": one.elapsed_s}
                file.write(json.dumps(line | {"kind": one.kind, "key": one.key, "data": one.data}) + "\n")
        return folder

    return write
