"""The events of a run with two trials, one of them failed, and of its resumed session with a third."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from codegen_hpo.records import Call, Epoch, Event, Outcome, Trial
from codegen_hpo.store import codec


def _trial(number: int, score: float | None, error: str = "") -> dict[str, object]:
    arguments = {"width": 64 * number, "activation": "=SUM(A1)", "use_residual": True, "learning_rate": 1e-3}
    outcome = Outcome(
        status="ok" if score is not None else "error",
        error=error,
        curve=(Epoch(1, 2.0, 3.0, 0.5), Epoch(2, 1.0, 2.5, 1.0)),
        seconds=1.25,
        parameters=10,
    )
    trial = Trial(
        number=number,
        candidate="c01",
        call=Call(arguments=arguments, proposed_by="tpe"),
        outcome=outcome,
        score=score,
        loss=score,
    )
    return {**codec.trial_to_json(trial), "wall_s": 1.5}


def _final(trial: str, score: float) -> dict[str, object]:
    return {"result": {"trial": trial, "validation_score": score, "test_score": score + 0.1}}


@pytest.fixture
def events() -> list[Event]:
    settings = {"author": "cookbook", "tuner": "tpe", "seed": 0, "budget": {"trials": 2}}
    told: list[tuple[str, str, dict[str, object]]] = [
        ("settings", "", settings),
        ("prepared", "", {}),
        ("trial", "c01/1", _trial(1, 0.5)),
        ("trial", "c01/2", _trial(2, None, '=cmd("x")\nTraceback, "of" two lines')),
        ("final", "2/1", _final("t001", 0.5)),
        ("finished", "", {"reason": "2 trials are done", "limit": "trials"}),
        ("settings", "", settings | {"budget": {"trials": 3}}),
        ("trial", "c01/3", _trial(3, 0.25)),
        ("final", "3/2", _final("t003", 0.25)),
        ("finished", "", {"reason": "3 trials are done", "limit": "trials"}),
    ]
    return [
        Event(
            number=number,
            time=f"2026-03-14T09:15:{number:02d}.000+00:00",
            elapsed_s=float(number),
            kind=kind,
            key=key,
            data=data,
        )
        for number, (kind, key, data) in enumerate(told, 1)
    ]


@pytest.fixture
def first_session(events: list[Event]) -> list[Event]:
    return events[:6]


@pytest.fixture
def another_trial() -> Callable[[Event, int], Event]:
    """The event of a trial as if it were another one."""

    def change(event: Event, number: int) -> Event:
        return replace(event, data={**event.data, "number": number})

    return change
