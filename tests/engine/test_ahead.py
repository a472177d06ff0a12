"""The next candidate's first draft is written while the present one is explored."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.author.base import Brief, Draft
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import EndpointError, Interrupted
from codegen_hpo.records import Event, Job, Outcome
from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox, ScriptedServer, replies
from codegen_hpo.testing.killing import KillAfter, Killed

Start = Callable[..., Run]
PATIENCE_S = 30.0


def sources(source: str, count: int) -> list[str]:
    return [source + f"# number {number}\n" for number in range(1, count + 1)]


def trained(sandbox: ScriptedSandbox) -> int:
    return sum(job.kind == "train" for job in sandbox.jobs)


class Watched(ScriptedAuthor):
    """Notes how many trainings there had been when each draft was asked for."""

    def __init__(self, script: list[str], sandbox: ScriptedSandbox) -> None:
        super().__init__(script)
        self._sandbox = sandbox
        self.after: list[int] = []

    def write(self, brief: Brief) -> Draft:
        self.after.append(trained(self._sandbox))
        return super().write(brief)


def test_a_draft_is_asked_for_once_the_defaults_of_the_candidate_before_have_trained(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    usual, asked = sandbox.script, threading.Event()

    class Author(Watched):
        def write(self, brief: Brief) -> Draft:
            if brief.number == 2:
                asked.set()
            return super().write(brief)

    def explored(job: Job) -> Outcome:
        if job.kind == "train" and trained(sandbox) == 2:  # the second trial of the first candidate
            assert asked.wait(PATIENCE_S), "the draft was not asked for while trials run"
        return usual(job)

    sandbox.script = explored
    author = Author(sources(source, 2), sandbox)
    run = start(author=author, candidates=2, budget=Budget(trials=12))
    assert author.after[0] == 0
    assert 1 <= author.after[1] <= 2
    assert [trial.candidate for trial in run.history.trials][:6] == ["c01"] * 3 + ["c02"] * 3


def test_what_its_brief_tells_does_not_depend_on_how_fast_trials_are(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    author = ScriptedAuthor(sources(source, 3))
    run = start(author=author, candidates=3, budget=Budget(trials=18))
    defaults = [t.score for t in run.history.trials if t.call.proposed_by == "default"]
    assert [brief.number for brief in author.briefs] == [1, 2, 3]
    assert author.briefs[1].scores == (defaults[0],)
    assert author.briefs[2].scores[1] == defaults[1]


def test_no_draft_is_asked_for_that_the_budget_has_no_trial_for(start: Start, source: str) -> None:
    author = ScriptedAuthor(sources(source, 2))
    start(author=author, candidates=2, budget=Budget(trials=1))
    assert len(author.briefs) == 1


def test_what_writing_it_raises_is_raised_when_it_is_taken(start: Start, source: str) -> None:
    class Failing(ScriptedAuthor):
        def write(self, brief: Brief) -> Draft:
            if brief.number == 2:
                raise EndpointError("no answer")
            return super().write(brief)

    with pytest.raises(EndpointError) as caught:
        start(author=Failing([source]), candidates=2, budget=Budget(trials=8))
    assert caught.value.run is not None
    history = Run.open(caught.value.run).history
    assert len(history.trials) == 2  # the first candidate was explored all the same
    assert history.final is not None


@pytest.mark.slow
def test_a_draft_that_nobody_takes_any_more_is_in_the_record_and_not_paid_twice(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    asked: list[int] = []

    def brain(request: Any) -> Any:
        asked.append(len(asked))
        if len(asked) == 2:
            time.sleep(1.0)  # the search is over by then
        return replies.code(source + f"# {len(asked)}\n")

    with ScriptedServer(brain) as server:
        options = {"base_url": server.base_url, "model": "scripted", "unsafe": True}
        run = start(author=None, candidates=2, budget=Budget(trials=20, patience=1), reseed=0, **options)
        assert len(run.history.candidates) == 1, "the draft was taken: nothing was tested"
        assert run.ledger.total.requests == len(asked) == 2
        run.resume(patience=15, sandbox=sandbox, base_url=server.base_url, unsafe=True, environ={})
        assert len(run.history.candidates) == 2
        assert run.ledger.total.requests == len(asked) == 2


def test_ctrl_c_does_not_wait_for_a_draft(start: Start, source: str, sandbox: ScriptedSandbox) -> None:
    let_go = threading.Event()

    class Slow(ScriptedAuthor):
        def write(self, brief: Brief) -> Draft:
            if brief.number == 2:
                assert let_go.wait(PATIENCE_S)
            return super().write(brief)

    class Stop:
        def receive(self, event: Event) -> None:
            if event.key == "c01/2" and event.kind == "trial":
                raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        start(author=Slow(sources(source, 2)), candidates=2, budget=Budget(trials=12), sinks=[Stop()])
    assert not let_go.is_set()
    let_go.set()
    run = Run.open(caught.value.run)
    run.resume(author=ScriptedAuthor(sources(source, 2)), sandbox=sandbox)
    assert run.history.state == "done"


class Model:
    """Answers a draft by what exists already, and a call by how many trials it is told of."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.drafts = 0

    def __call__(self, body: dict[str, Any]) -> Any:
        text = json.dumps(body["messages"])
        if body.get("tools"):
            return replies.call({"learning_rate": 0.001 * (1 + text.count("momentum")), "momentum": 0.5})
        self.drafts += 1
        return replies.code(self._source + ("# another\n" if "A linear model" in text else ""))


OF_MODEL = {"author": None, "tuner": None, "model": "scripted", "candidates": 2, "unsafe": True}


@pytest.mark.slow
def test_a_model_is_asked_for_calls_while_it_writes_the_next_draft(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    called = threading.Event()
    model = Model(source)

    def slow(body: dict[str, Any]) -> Any:
        reply = model(body)
        if body.get("tools"):
            called.set()
        elif model.drafts > 1:
            assert called.wait(PATIENCE_S), "no call was asked for while the draft is written"
        return reply

    with ScriptedServer(slow) as server:
        run = start(base_url=server.base_url, budget=Budget(trials=12), **OF_MODEL)
    assert {trial.candidate for trial in run.history.trials} == {"c01", "c02"}
    files = [event.data["file"] for event in run.folder.of_kind("reply")]
    assert len(set(files)) == len(files)
    assert sorted(files) == [f"llm/{number:04d}.json" for number in range(1, len(files) + 1)]
    assert run.ledger.total.requests == len(files)


@pytest.mark.slow
def test_a_kill_anywhere_loses_no_reply_that_was_recorded(
    start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path
) -> None:
    with ScriptedServer(Model(source)) as server:
        whole = start(base_url=server.base_url, runs=tmp_path / "whole", budget=Budget(trials=8), **OF_MODEL)
        requests = len(server.requests)
    first = next(e.number for e in whole.folder.events if e.kind == "prepared")
    for kill_after in range(first + 1, len(whole.folder.events), 3):
        runs = tmp_path / f"killed-{kill_after}"
        with ScriptedServer(Model(source)) as server:
            with pytest.raises(Killed):
                start(
                    base_url=server.base_url,
                    runs=runs,
                    budget=Budget(trials=8),
                    sinks=[KillAfter(kill_after)],
                    **OF_MODEL,
                )
            run = Run.open(next(runs.iterdir()))
            run.resume(base_url=server.base_url, sandbox=sandbox, environ={}, unsafe=True)
            # a draft that was under way when the run was killed is asked for again
            assert len(server.requests) <= requests + 1
        assert len(run.folder.of_kind("reply")) == requests
        assert len({event.key for event in run.folder.of_kind("reply")}) == requests
        assert [t.candidate for t in run.history.trials] == [t.candidate for t in whole.history.trials]


@pytest.mark.slow
def test_a_reply_that_comes_after_the_end_is_not_the_runs(start: Start, source: str) -> None:
    asked, let_go, answered = threading.Event(), threading.Event(), threading.Event()
    model = Model(source)

    def slow(body: dict[str, Any]) -> Any:
        reply = model(body)
        if not body.get("tools") and model.drafts > 1:
            asked.set()
            let_go.wait(PATIENCE_S)
            answered.set()
        return reply

    class Stop:
        def receive(self, event: Event) -> None:
            if event.kind == "trial" and event.key == "c01/2":
                assert asked.wait(PATIENCE_S)
                raise KeyboardInterrupt

    with ScriptedServer(slow) as server:
        with pytest.raises(Interrupted) as caught:
            start(base_url=server.base_url, budget=Budget(trials=12), sinks=[Stop()], **OF_MODEL)
        folder = Run.open(caught.value.run).folder
        before = (folder.path / "events.jsonl").read_bytes(), sorted((folder.path / "llm").iterdir())
        let_go.set()
        assert answered.wait(PATIENCE_S)
        for thread in threading.enumerate():
            if thread.name == "draft":
                thread.join(PATIENCE_S)
    assert before == ((folder.path / "events.jsonl").read_bytes(), sorted((folder.path / "llm").iterdir()))
