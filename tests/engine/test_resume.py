"""A run that is killed anywhere goes on as if nothing had happened."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from codegen_hpo.errors import ConfigError, Interrupted
from codegen_hpo.records import Event
from codegen_hpo.run import Budget, Run
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox, ScriptedServer, replies

Start = Callable[..., Run]


class Killed(BaseException):
    """Stands for SIGKILL: nothing between the engine and the test may catch it."""


class KillAfter:
    """A sink that ends the process's life after some events."""

    def __init__(self, events: int) -> None:
        self._left = events

    def receive(self, event: Event) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed


def proposals(run: Run) -> list[tuple[str, str, str]]:
    """What was asked and what came of it, in order."""
    trials = run.history.trials
    return [(t.candidate, json.dumps(dict(t.call.arguments)), f"{t.score}") for t in trials]


def the_run(folder: Path) -> Run:
    return Run.open(next(folder.iterdir()))


def test_a_kill_after_any_event_changes_neither_proposals_nor_what_is_paid(
    start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path
) -> None:
    whole = start(runs=tmp_path / "whole")
    jobs = len(sandbox.jobs)
    events = len(whole.folder.events)
    for kill_after in range(1, events):
        runs = tmp_path / f"killed-{kill_after}"
        sandbox.jobs.clear()
        with pytest.raises(Killed):
            start(runs=runs, sinks=[KillAfter(kill_after)])
        run = the_run(runs)
        if not run.history.versions:  # before the data was there: nothing was paid
            with pytest.raises(ConfigError, match="nothing was trained or paid"):
                run.resume()
            continue
        author = ScriptedAuthor([source] * 12)
        run.resume(author=author, sandbox=sandbox)
        assert proposals(run) == proposals(whole), f"killed after {kill_after} of {events} events"
        assert len(sandbox.jobs) == jobs, f"killed after {kill_after} of {events} events"
        assert run.history.final == whole.history.final


def test_a_torn_last_line_is_dropped(
    start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path
) -> None:
    whole = start()
    lines = (whole.path / "events.jsonl").read_bytes().splitlines(keepends=True)
    for cut in (5, len(lines) - 2):
        (whole.path / "events.jsonl").write_bytes(b"".join(lines[:cut]) + lines[cut][: len(lines[cut]) // 2])
        run = Run.open(whole.path)
        run.resume(author=ScriptedAuthor([source] * 3), sandbox=sandbox)
        assert run.history.state == "done"
        assert proposals(run) == proposals(Run.open(whole.path))


def test_ctrl_c_is_recorded_and_names_the_run(start: Start) -> None:
    class Stop:
        def receive(self, event: Event) -> None:
            if event.kind == "trial":
                raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        start(sinks=[Stop()])
    assert Run.open(caught.value.run).history.state == "interrupted"


def test_more_trials_go_on_from_where_the_run_ended(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    run = start(budget=Budget(trials=3))
    before = proposals(run)
    run.resume(trials=6, author=ScriptedAuthor([source]), sandbox=sandbox)
    assert proposals(run)[:3] == before
    assert len(run.history.trials) == 6
    assert run.history.state == "done"


def test_a_run_can_be_moved(start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path) -> None:
    run = start(budget=Budget(trials=2))
    text = "".join(p.read_text(errors="replace") for p in run.path.rglob("*.json*"))
    assert str(tmp_path) not in text
    moved = run.path.rename(tmp_path / "elsewhere")
    again = Run.open(moved)
    again.resume(trials=3, author=ScriptedAuthor([source]), sandbox=sandbox)
    assert len(again.history.trials) == 3


def test_two_processes_cannot_write_one_run(start: Start, source: str, sandbox: ScriptedSandbox) -> None:
    run = start(budget=Budget(trials=1))
    other = Run.open(run.path)
    with run.folder.writing(), pytest.raises(ConfigError, match="another process"):
        other.resume(author=ScriptedAuthor([source]), sandbox=sandbox)


def test_replies_of_a_model_are_not_paid_twice(
    start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path, small_table: pd.DataFrame
) -> None:
    script = [replies.code(source)] + [
        replies.call({"learning_rate": 0.01 * k, "momentum": 0.5}) for k in (1, 2, 3)
    ]
    options = {"author": None, "tuner": None, "model": "scripted", "budget": Budget(trials=4), "unsafe": True}
    with ScriptedServer(script) as server:
        whole = start(runs=tmp_path / "whole", base_url=server.base_url, **options)
        requests = len(server.requests)
    for kill_after in range(2, len(whole.folder.events), 3):
        runs = tmp_path / f"killed-{kill_after}"
        with ScriptedServer(script) as server:
            with pytest.raises(Killed):
                start(runs=runs, base_url=server.base_url, sinks=[KillAfter(kill_after)], **options)
            run = the_run(runs)
            run.resume(base_url=server.base_url, sandbox=sandbox, environ={})
            assert len(server.requests) == requests, f"killed after {kill_after}"
        assert proposals(run) == proposals(whole)
        assert run.ledger.total.tokens == whole.ledger.total.tokens
