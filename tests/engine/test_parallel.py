"""Several trials at once: what is proposed does not depend on which of them ends first."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.settings import Budget
from codegen_hpo.engine.worker import Crew
from codegen_hpo.errors import Interrupted, SandboxError
from codegen_hpo.records import Call, Event, Job, Outcome, Trial
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox
from codegen_hpo.testing.killing import KillAfter, Killed
from codegen_hpo.tuner.base import NoProposal

Start = Callable[..., Run]
Script = Callable[[Job], Outcome]


class Waiting:
    """A script whose training jobs take their own time, and which counts how many are under way."""

    def __init__(self, script: Script, seconds: Callable[[int], float]) -> None:
        self._script, self._seconds = script, seconds
        self._lock = threading.Lock()
        self._begun = self._under_way = 0
        self.most = 0

    def __call__(self, job: Job) -> Outcome:
        if job.kind != "train":
            return self._script(job)
        with self._lock:
            self._begun += 1
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            wait_s = self._seconds(self._begun)
        time.sleep(wait_s)
        with self._lock:
            self._under_way -= 1
        return self._script(job)


def told(run: Run) -> list[tuple[int, str, float | None]]:
    return [(t.number, json.dumps(dict(t.call.arguments)), t.score) for t in run.history.trials]


def test_the_order_in_which_trials_end_changes_nothing(
    start: Start, sandbox: ScriptedSandbox, tmp_path: Path
) -> None:
    runs = []
    for name, seconds in (("even", lambda k: 0.1), ("odd", lambda k: 0.3 if k % 3 == 2 else 0.0)):
        script = Waiting(sandbox.script, seconds)
        options = {"budget": Budget(trials=10), "parallel": 3, "runs": tmp_path / name}
        runs.append(start(sandbox=ScriptedSandbox(script), **options))
        assert 1 < script.most <= 3
    assert told(runs[0]) == told(runs[1])
    assert [t.number for t in runs[0].history.trials] == list(range(1, 11))
    ended = [[event.data["number"] for event in run.folder.of_kind("trial")] for run in runs]
    assert ended[1] != sorted(ended[1]), "no trial overtook another: nothing was tested"


def test_more_at_once_means_that_less_was_known(start: Start, tmp_path: Path) -> None:
    options = {"budget": Budget(trials=30), "reseed": 0}
    one = start(runs=tmp_path / "one", **options)
    four = start(parallel=4, runs=tmp_path / "four", **options)
    assert told(one)[0] == told(four)[0]
    assert told(one)[10:] != told(four)[10:]
    assert len({arguments for _, arguments, _ in told(four)}) == 30


def test_the_tuner_is_asked_while_the_defaults_train(start: Start, sandbox: ScriptedSandbox) -> None:
    script = Waiting(sandbox.script, lambda k: 0.2 if k == 1 else 0.0)
    run = start(sandbox=ScriptedSandbox(script), budget=Budget(trials=4), parallel=2)
    kinds = [(e.kind, e.key) for e in run.folder.of_kind("call", "trial")]
    assert kinds.index(("call", "c01/2")) < kinds.index(("trial", "c01/1"))


def test_what_trained_beside_failing_defaults_is_kept_and_a_mended_function_starts_alone(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    usual, under_way = sandbox.script, []

    def defaults_fail(job: Job) -> Outcome:
        if job.kind != "train":
            return usual(job)
        under_way.append(job)
        others = len(under_way)
        time.sleep(0.1)
        if "# mended" not in job.source:
            return Outcome(status="error", stage="step", error="RuntimeError: shapes", line=15)
        if job.arguments == {"learning_rate": 0.01, "momentum": 0.9}:
            assert len(under_way) == others, "another trial trained beside defaults that failed before"
        return usual(job)

    author = ScriptedAuthor([source, source + "# mended\n"], trusted=False)
    run = start(author=author, sandbox=ScriptedSandbox(defaults_fail), parallel=2)
    assert [t.outcome.status for t in run.history.trials] == ["error"] * 2 + ["ok"] * 4
    assert [t.call.proposed_by for t in run.history.trials] == ["default", "tpe"] + ["default"] + ["tpe"] * 3
    assert author.briefs[1].findings[0].rule == "first-trial-error"
    assert run.best.candidate.source.endswith("# mended\n")


class Exhausted:
    """A tuner that knows no call."""

    name = "none"

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        raise NoProposal("all calls are known")

    def tell(self, trial: Trial) -> None:
        pass


def test_a_tuner_with_nothing_to_propose_beside_the_defaults_ends_the_search_after_them(start: Start) -> None:
    history = start(tuner=lambda candidate: Exhausted(), parallel=2, reseed=0).history
    assert [t.call.proposed_by for t in history.trials] == ["default"]
    assert history.final is not None
    assert history.final.reason == "all calls are known"


def test_a_tuner_with_nothing_to_propose_beside_failing_defaults_does_not_keep_them_from_being_mended(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    usual = sandbox.script

    def first_fails(job: Job) -> Outcome:
        if job.kind == "train" and "# mended" not in job.source:
            return Outcome(status="error", error="RuntimeError: shapes")
        return usual(job)

    author = ScriptedAuthor([source, source + "# mended\n"], trusted=False)
    options = {"tuner": lambda candidate: Exhausted(), "sandbox": ScriptedSandbox(first_fails), "reseed": 0}
    history = start(author=author, parallel=2, **options).history
    assert [t.outcome.status for t in history.trials] == ["error", "ok"]


def test_the_limits_of_a_budget_count_the_trials_under_way(start: Start) -> None:
    history = start(budget=Budget(trials=5), parallel=4).history
    assert len(history.trials) == 5
    assert history.ended == "5 trials are done"


@pytest.mark.slow
def test_a_kill_after_any_event_changes_no_proposal(
    start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path
) -> None:
    options = {"budget": Budget(trials=8), "parallel": 3, "candidates": 2}
    sources = [source, source + "# another\n"]
    whole = start(author=ScriptedAuthor(sources), runs=tmp_path / "whole", **options)
    first = next(e.number for e in whole.folder.events if e.kind == "prepared")
    for kill_after in range(first + 1, len(whole.folder.events), 2):
        runs = tmp_path / f"killed-{kill_after}"
        with pytest.raises(Killed):
            start(author=ScriptedAuthor(sources), runs=runs, sinks=[KillAfter(kill_after)], **options)
        run = Run.open(next(runs.iterdir()))
        run.resume(author=ScriptedAuthor(sources), sandbox=sandbox)
        assert told(run) == told(whole), f"killed after {kill_after} events"
        keys = [event.key for event in run.folder.of_kind("trial")]
        assert len(keys) == len(set(keys)) == len(told(whole)), "a trial that was done is not done again"


@pytest.mark.slow
def test_a_trial_that_waits_when_the_time_is_over_is_not_begun_and_comes_after_a_resume(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    usual, begun = sandbox.script, []

    def slow(job: Job) -> Outcome:
        if job.kind == "train":
            begun.append(job)
            time.sleep(0.0 if len(begun) == 1 else limit_s)
        return usual(job)

    limit_s = 8.0
    options = {"budget": Budget(trials=9, seconds=limit_s), "reseed": 0}
    run = start(sandbox=ScriptedSandbox(slow), parallel=2, **options)
    assert len(run.history.trials) == len(begun) == 3
    assert run.history.limit == "seconds"
    waiting = run.folder.of_kind("call")[-1]
    assert waiting.key == "c01/4"
    run.resume(seconds=60, trials=6, author=ScriptedAuthor([source]), sandbox=sandbox)
    fourth = run.history.trials[3]
    assert json.loads(json.dumps(dict(fourth.call.arguments))) == waiting.data["arguments"]


def test_ctrl_c_ends_the_trials_under_way_at_once_and_records_none_of_them(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    usual = sandbox.script
    ended = threading.Event()

    class Worker:
        """A worker whose jobs last until it is closed."""

        hello = sandbox.open(Path()).hello

        def run(self, job: Job) -> Outcome:
            first = job.kind == "train" and job.arguments == {"learning_rate": 0.01, "momentum": 0.9}
            if job.kind == "train" and not first:
                assert ended.wait(30), "the worker was not closed"
                return Outcome(status="killed", error="the sandbox worker died")
            return usual(job)

        def close(self) -> None:
            ended.set()

    class Endless:
        name = "endless"

        def open(self, bundle: Path) -> Worker:
            return Worker()

    class Stop:
        def receive(self, event: Event) -> None:
            if event.kind == "call" and event.key == "c01/3":
                raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        start(sandbox=Endless(), sinks=[Stop()], parallel=3)
    run = Run.open(caught.value.run)
    assert [t.call.proposed_by for t in run.history.trials] == ["default"]
    run.resume(author=ScriptedAuthor([source]), sandbox=sandbox)
    assert len(run.history.trials) == 6


def test_a_fault_of_the_host_ends_the_run_once_the_others_are_recorded(
    start: Start, sandbox: ScriptedSandbox
) -> None:
    usual = sandbox.script
    begun = []

    def breaks(job: Job) -> Outcome:
        if job.kind == "train":
            begun.append(job)
            if len(begun) == 3:
                raise SandboxError("the engine is gone")
            time.sleep(0.05)
        return usual(job)

    with pytest.raises(SandboxError, match="the engine is gone") as caught:
        start(sandbox=ScriptedSandbox(breaks), parallel=3)
    assert caught.value.run is not None
    assert len(Run.open(caught.value.run).history.trials) == len(begun) - 1


def test_a_worker_that_is_closed_while_it_opens_runs_no_job(sandbox: ScriptedSandbox) -> None:
    opening, closed = threading.Event(), threading.Event()

    def opened() -> Worker:
        opening.set()
        assert closed.wait(30)
        return sandbox.open(Path())

    crew = Crew([opened], lambda hello: None, size=1)
    faults: list[SandboxError] = []

    def work() -> None:
        with crew.taken() as worker, pytest.raises(SandboxError, match="closed") as caught:
            worker.run(Job(kind="train", source=""))
        faults.append(caught.value)

    thread = threading.Thread(target=work)
    thread.start()
    opening.wait(30)
    crew.close()
    closed.set()
    thread.join(30)
    assert faults
    assert not sandbox.jobs


class Clock:
    """A run's clock that stands until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_trained_beside_a_slow_trial_is_kept_when_the_time_is_over_at_a_resume(
    start: Start, sandbox: ScriptedSandbox, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, usual, beside = Clock(), sandbox.script, threading.Event()
    monkeypatch.setattr(Journal.__init__, "__defaults__", ((), clock))
    told_of: set[int] = set()
    slow: list[object] = []

    def script(job: Job) -> Outcome:
        outcome = usual(job)
        if job.kind == "train" and job.arguments in slow:
            assert beside.wait(30)
            clock.now = 58.0
        return replace(outcome, seconds=8.0)

    class Watch:
        def receive(self, event: Event) -> None:
            if event.kind == "call" and event.key == "c01/2":
                slow.append(event.data["arguments"])
            if event.kind == "trial":
                clock.now = max(clock.now, 2.0)
                told_of.add(event.data["number"])
                if {1, 3, 4} <= told_of:
                    beside.set()

    run = start(
        sandbox=ScriptedSandbox(script),
        budget=Budget(trials=None, seconds=60.0),
        parallel=2,
        reseed=0,
        sinks=[Watch()],
    )
    assert len(run.history.trials) == 4
    events = len(run.folder.events)
    run.resume(author=ScriptedAuthor([source]), sandbox=sandbox)
    added = [(event.kind, event.key) for event in run.folder.events[events:]]
    assert added == [("settings", ""), ("finished", "")]
    assert len(run.folder.of_kind("trial")) == 4
