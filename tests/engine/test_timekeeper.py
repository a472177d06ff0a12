"""Calls that do not fit the time are refused, and a tuner is told what time there is."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.engine.timekeeper import REFUSALS
from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Call, Check, Epoch, Event, Job, Outcome, Trial
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.space import Arguments
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox, ScriptedServer, replies
from codegen_hpo.testing.killing import Killed
from codegen_hpo.testing.sandboxes import ScriptedWorker

Start = Callable[..., Run]
Script = Callable[[Job], Outcome]

PASSES = 10  # of every training
SLOW = 512  # a width whose passes take a second, those of others in proportion


@pytest.fixture
def source(source: str) -> str:
    """With a width, on which the cost depends."""
    wide = source.replace("= 0.9,\n", '= 0.9,\n    width: Annotated[int, 8, 512, "log"] = 16,\n')
    return wide.replace("that is kept.\n", "that is kept.\n        width: What it costs.\n")


def costly(script: Script, rows: int, pass_s: float = 1.0) -> Script:
    """The script with the seconds of a sandbox whose passes take `pass_s` at the largest width."""

    def seconds(arguments: Arguments) -> float:
        return pass_s * float(arguments["width"]) / SLOW

    def answer(job: Job) -> Outcome:
        outcome = script(job)
        fields: dict[str, object] = {}
        if job.kind == "dry_run":
            checks = [Check(dict(p), 10, "", "", None, seconds(p) / rows) for p in job.points]
            fields = {"checks": tuple(checks)}
        elif job.kind == "train":
            each = seconds(job.arguments)
            curve = tuple(Epoch(at, 1.0, 1.0, each * at) for at in range(1, PASSES + 1))
            fields = {"curve": curve, "seconds": each * PASSES, "stopped": "patience"}
        return Outcome(**{name: getattr(outcome, name) for name in outcome.__slots__} | fields)

    return answer


@pytest.fixture
def start(start: Start) -> Start:
    """One trial at a time, and none but those of the search."""
    return partial(start, parallel=1, reseed=0)


@pytest.fixture
def slow(sandbox: ScriptedSandbox, task) -> Callable[[float], ScriptedSandbox]:  # type: ignore[no-untyped-def]
    rows = len(task.split.train)
    return lambda pass_s: ScriptedSandbox(costly(sandbox.script, rows, pass_s))


def refused(run: Run) -> list[Trial]:
    return [trial for trial in run.history.trials if trial.outcome.status == "refused"]


def widths(run: Run) -> list[object]:
    """Of the calls that were run."""
    return [t.call.arguments["width"] for t in run.history.trials if t.outcome.status != "refused"]


class Widths:
    """A tuner that proposes these widths in turn."""

    name = "widths"

    def __init__(self, given: list[int]) -> None:
        self._given, self._told = given, 0

    def ask(self, trials_left: int | None, running: object = ()) -> Call:
        width = self._given[self._told - 1]
        return Call(arguments={"learning_rate": 1e-2, "momentum": 0.5, "width": width}, proposed_by=self.name)

    def tell(self, trial: Trial) -> None:
        self._told += 1


def test_a_call_that_cannot_reach_its_first_point_is_refused(
    start: Start, source: str, slow: Callable[[float], ScriptedSandbox]
) -> None:
    """A pass takes 1000 s at the largest width, and a trial may take 300."""
    sandbox = slow(1000.0)
    given = [8, 500, 32, 512, 64]
    run = start(
        author=ScriptedAuthor([source]),
        sandbox=sandbox,
        tuner=lambda candidate: Widths(given),
        budget=Budget(trials=4),
    )
    assert widths(run) == [16, 8, 32, 64]
    assert [trial.call.arguments["width"] for trial in refused(run)] == [500, 512]
    first = refused(run)[0]
    assert (first.score, first.loss, first.outcome.seconds) == (None, None, 0.0)
    assert "to the first point of its curve, and is ended after 300 s" in first.outcome.error
    assert run.history.ended == "4 trials are done", "what was refused is none of them"
    with pytest.raises(ConfigError, match="never trained"):
        run.rerun(first.name, sandbox=sandbox)


@pytest.mark.parametrize(
    ("cuda", "device", "expected"), [("", "auto", [16]), ("GPU", "auto", [16, 500]), ("GPU", "cpu", [16])]
)
def test_a_dry_run_on_a_cpu_says_nothing_of_trials_on_a_gpu(
    start: Start,
    source: str,
    slow: Callable[[float], ScriptedSandbox],
    monkeypatch: pytest.MonkeyPatch,
    cuda: str,
    device: str,
    expected: list[int],
) -> None:
    monkeypatch.setattr(ScriptedWorker, "hello", Hello(python="3.11.0", torch="2.13.0", cuda=cuda))
    run = start(
        author=ScriptedAuthor([source]),
        sandbox=slow(1000.0),
        tuner=lambda candidate: Widths([500] * 9),
        budget=Budget(trials=2),
        device=device,
    )
    assert widths(run) == expected
    assert bool(refused(run)) == (expected == [16])


def test_the_forecast_stands_beside_the_truth(
    start: Start, source: str, slow: Callable[[float], ScriptedSandbox]
) -> None:
    run = start(author=ScriptedAuthor([source]), sandbox=slow(1.0), budget=Budget(trials=8))
    rows = [event.data for event in run.folder.of_kind("trial")]
    assert rows[0]["predicted_s"] is None
    for row in rows[1:]:
        assert row["predicted_s"] == pytest.approx(row["outcome"]["seconds"], rel=0.5)


def test_a_call_that_does_not_fit_the_time_left_is_refused(
    start: Start, source: str, slow: Callable[[float], ScriptedSandbox]
) -> None:
    """Trainings take up to 1000 s, those of small widths a few, and 60 s are there."""
    sandbox = slow(100.0)
    run = start(
        author=ScriptedAuthor([source]),
        sandbox=sandbox,
        tuner=lambda candidate: Widths([8, 400, 8]),
        budget=Budget(trials=3, seconds=60),
        trial_s=300.0,
    )
    assert widths(run) == [16, 8, 8]
    assert re.search(r"takes about \d+ s, and (60|59|58) s are left", refused(run)[0].outcome.error)


def test_endless_refusals_end_the_search(
    start: Start, source: str, slow: Callable[[float], ScriptedSandbox]
) -> None:
    sandbox = slow(100.0)
    run = start(
        author=ScriptedAuthor([source]),
        sandbox=sandbox,
        tuner=lambda candidate: Widths([8, *range(400, 500)]),
        budget=Budget(trials=20, seconds=60),
        trial_s=300.0,
    )
    assert widths(run) == [16, 8]
    assert len(refused(run)) == REFUSALS
    assert run.history.ended.startswith(f"no call fits the time: {REFUSALS} in a row were refused")
    assert run.history.limit == "seconds"


def test_more_time_takes_such_a_search_up_again(
    start: Start, source: str, slow: Callable[[float], ScriptedSandbox]
) -> None:
    make = lambda candidate: Widths([8, *range(400, 500)])  # noqa: E731 - as a caller would
    run = start(
        author=ScriptedAuthor([source]),
        sandbox=slow(100.0),
        tuner=make,
        budget=Budget(trials=4, seconds=60),
        trial_s=300.0,
    )
    run.resume(seconds=5000, author=ScriptedAuthor([source]), sandbox=slow(100.0), tuner=make)
    assert widths(run) == [16, 8, 405, 406]
    assert run.history.ended == "4 trials are done"


def test_the_defaults_are_never_refused(
    start: Start, source: str, slow: Callable[[float], ScriptedSandbox]
) -> None:
    run = start(
        author=ScriptedAuthor([source]),
        sandbox=slow(1e6),
        budget=Budget(trials=1, seconds=60),
    )
    assert run.history.trials[0].score is not None


def test_a_killed_run_refuses_as_it_would_have(
    start: Start, source: str, slow: Callable[[float], ScriptedSandbox], tmp_path: Path
) -> None:
    class Kill:
        def receive(self, event: Event) -> None:
            if event.kind == "trial" and event.data["number"] == 6:
                raise Killed

    options = {"budget": Budget(trials=10), "trial_s": 20.0}
    whole = start(author=ScriptedAuthor([source]), sandbox=slow(100.0), runs=tmp_path / "whole", **options)
    assert refused(whole)
    with pytest.raises(Killed):
        start(
            author=ScriptedAuthor([source]),
            sandbox=slow(100.0),
            runs=tmp_path / "killed",
            sinks=[Kill()],
            **options,
        )
    run = Run.open(next((tmp_path / "killed").iterdir()))
    run.resume(author=ScriptedAuthor([source]), sandbox=slow(100.0))

    def told(of: Run) -> list[tuple[str, str]]:
        return [(t.outcome.status, json.dumps(dict(t.call.arguments))) for t in of.history.trials]

    assert told(run) == told(whole)


def test_a_model_hears_of_it_on_the_same_turn(
    start: Start, source: str, slow: Callable[[float], ScriptedSandbox]
) -> None:
    def call(width: int) -> object:
        return replies.call({"learning_rate": 0.01, "momentum": 0.5, "width": width})

    script = [replies.code(source), call(512), call(32)]
    sandbox = slow(1000.0)
    with ScriptedServer(script) as server:
        run = start(
            author=None,
            tuner=None,
            model="scripted",
            unsafe=True,
            base_url=server.base_url,
            sandbox=sandbox,
            budget=Budget(trials=2, seconds=4000),
        )
        asked = [request.body["messages"][-1]["content"] for request in server.requests]
    assert widths(run) == [16, 32]
    assert not refused(run)
    assert re.search(r"about (4000|399\d) s are left for all", asked[1])
    assert "width (512: " in asked[1]
    assert "to the first point of its curve, and is ended after 300 s: propose a quicker call" in asked[2]
