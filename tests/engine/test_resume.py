"""A run that is killed anywhere goes on as if nothing had happened."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from codegen_hpo.contract import apart
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError, Interrupted, NoCandidateError
from codegen_hpo.records import Event
from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox, ScriptedServer, replies
from codegen_hpo.testing.killing import KillAfter, Killed

Start = Callable[..., Run]


def proposals(run: Run) -> list[tuple[str, str, str]]:
    """What was asked and what came of it, in order."""
    trials = run.history.trials
    return [(t.candidate, json.dumps(dict(t.call.arguments)), f"{t.score}") for t in trials]


def the_run(folder: Path) -> Run:
    return Run.open(next(folder.iterdir()))


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_more_trials_keep_names_and_shares_as_they_were(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    run = start(
        author=ScriptedAuthor([source, source + "# another\n"]), candidates=2, budget=Budget(trials=4)
    )
    before = proposals(run)
    run.resume(trials=12, author=ScriptedAuthor([source, source + "# another\n"]), sandbox=sandbox)
    trials = run.history.trials
    assert proposals(run)[:4] == before
    assert [trial.number for trial in trials] == list(range(1, 13))


def test_a_tuning_that_ended_without_a_usable_call_is_taken_up_by_resume(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    options = {"author": None, "tuner": None, "model": "scripted", "budget": Budget(trials=3), "unsafe": True}
    good = [replies.call({"learning_rate": 0.01 * k, "momentum": 0.5}) for k in (2, 3)]
    with ScriptedServer([replies.code(source)] + [replies.text("hm")] * 6) as server:
        run = start(base_url=server.base_url, **options)
    assert len(run.history.trials) == 1
    with ScriptedServer(good) as server:
        run.resume(base_url=server.base_url, sandbox=sandbox, environ={})
        assert len(server.requests) == 2
    assert len(run.history.trials) == 3
    with ScriptedServer() as server:  # once more: all of it is recorded
        run.resume(base_url=server.base_url, sandbox=sandbox, environ={})
        assert not server.requests
    assert [t.call.arguments["learning_rate"] for t in run.history.trials] == [0.01, 0.02, 0.03]


def test_a_run_without_a_candidate_gets_fresh_attempts_by_resume(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    options = {"author": None, "tuner": None, "model": "scripted", "budget": Budget(trials=1), "unsafe": True}
    with ScriptedServer([replies.text("no")] * 4) as server, pytest.raises(NoCandidateError) as caught:
        start(base_url=server.base_url, repairs=1, **options)
    assert caught.value.run is not None
    run = Run.open(caught.value.run)
    with ScriptedServer([replies.code(source)]) as server:
        run.resume(base_url=server.base_url, sandbox=sandbox, environ={})
        assert len(server.requests) == 1
    assert [a.number for a in run.history.attempts] == [1, 2, 3, 4, 5]
    with ScriptedServer() as server:
        run.resume(base_url=server.base_url, sandbox=sandbox, environ={})
        assert not server.requests
    assert run.history.state == "done"


def test_what_another_session_wrote_is_seen_once_the_lock_is_held(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    run = start(budget=Budget(trials=2))
    stale = Run.open(run.path)
    run.resume(trials=4, author=ScriptedAuthor([source]), sandbox=sandbox)
    stale.resume(trials=5, author=ScriptedAuthor([source]), sandbox=sandbox)
    numbers = [event.number for event in Run.open(run.path).folder.events]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(stale.history.trials) == 5


def test_a_reply_whose_event_was_lost_is_not_paid_again(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    options = {
        "author": None,
        "tuner": "tpe",
        "model": "scripted",
        "budget": Budget(trials=2),
        "unsafe": True,
    }
    with ScriptedServer([replies.code(source)]) as server:
        run = start(base_url=server.base_url, **options)
    lines = (run.path / "events.jsonl").read_bytes().splitlines(keepends=True)
    reply = next(n for n, line in enumerate(lines) if b'"kind": "reply"' in line)
    (run.path / "events.jsonl").write_bytes(b"".join(lines[:reply]))
    with ScriptedServer() as server:
        again = Run.open(run.path)
        again.resume(base_url=server.base_url, sandbox=sandbox, environ={})
        assert not server.requests
    assert again.history.state == "done"


def test_the_state_of_a_run_that_was_killed_is_stopped(start: Start, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        start(runs=tmp_path / "killed", sinks=[KillAfter(6)])
    run = the_run(tmp_path / "killed")
    assert run.history.state == "stopped"
    with run.folder.writing():
        assert run.history.state == "running"


def test_a_resumed_search_tells_its_own_end(start: Start, source: str, sandbox: ScriptedSandbox) -> None:
    run = start(budget=Budget(trials=2))
    run.resume(trials=3, author=ScriptedAuthor([source]), sandbox=sandbox)
    assert (run.history.ended, run.history.limit) == ("3 trials are done", "trials")


@pytest.mark.slow
def test_a_check_that_ran_out_of_time_is_not_made_again(
    start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KillAtAttempt:
        def receive(self, event: Event) -> None:
            if event.kind == "attempt":
                raise Killed

    stalling = "from codegen_hpo.contract import checker; checker.CPU_S = 1; "
    stalling += "checker.check = lambda _: max(iter(int, 1))"
    with monkeypatch.context() as patch:
        apart._end()
        patch.setattr(apart, "_START", apart._START.replace("argv[1:]; ", f"argv[1:]; {stalling}; "))
        with pytest.raises(Killed):
            start(sinks=[KillAtAttempt()])
        apart._end()
    run = the_run(tmp_path / "runs")
    author = ScriptedAuthor([source] * 3, trusted=False)
    run.resume(author=author, sandbox=sandbox)
    first, _ = run.history.attempts
    assert [finding.rule for finding in first.findings] == ["validator-timeout"]
    assert [finding.rule for finding in author.briefs[1].findings] == ["validator-timeout"]
