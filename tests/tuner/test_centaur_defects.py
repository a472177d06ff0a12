"""Eight defects that were found in the public implementation of Centaur (arXiv 2603.24647): one test each."""

import json
import math
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.llm.messages import Ask, Reply, Request
from codegen_hpo.records import Call, Candidate, Check, Job, Outcome, Trial
from codegen_hpo.run import Run
from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.store import codec
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedSandbox, replies
from codegen_hpo.testing.strategies import LocalSearch, answered_by
from codegen_hpo.testing.tuning_prompts import State, read_prompt
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.centaur import WARM_UP, is_models
from codegen_hpo.tuner.cmaes import CmaesSampler
from codegen_hpo.tuner.make import Model, TunerOptions, make_tuner
from codegen_hpo.tuner.subject import function_subject, objective_metric, objective_subject

SPACE = Space(
    {
        "rate": Float(1e-4, 1.0, log=True, default=1e-3),
        "batch": Int(8, 512, log=True, default=64),
        "act": Choice(("relu", "silu", "tanh"), default="relu"),
    }
)
READS = answered_by(LocalSearch(state=True))
USELESS = answered_by(lambda body: replies.text("I would rather not."))


class Kept:
    """An ask that keeps the state that each prompt tells."""

    def __init__(self, ask: Ask = READS) -> None:
        self.ask, self.states = ask, list[State]()

    def __call__(self, request: Request) -> Reply:
        messages = [message._asdict() for message in request.messages]
        tool = {"function": {"name": "evaluate", "parameters": request.tools[0].parameters}}
        state = read_prompt({"messages": messages, "tools": [tool]}).state
        assert state is not None
        self.states.append(state)
        return self.ask(request)


def made(ask: Ask = READS, **options: object) -> Tuner:
    return make_tuner(
        "centaur",
        SPACE,
        seed=0,
        subject=objective_subject("", objective_metric("loss"), SPACE),
        model=Model(ask, "m"),
        options=TunerOptions(**options),  # type: ignore[arg-type]
    )


def trial(number: int, call: Call) -> Trial:
    rate, batch = float(call.arguments["rate"]), int(call.arguments["batch"])
    if batch > 400:
        return Trial(number=number, call=call, outcome=Outcome(status="oom"), score=None, loss=None)
    loss = math.log10(rate / 0.1) ** 2 + math.log2(batch / 32) ** 2 + 2 * (call.arguments["act"] != "silu")
    return Trial(number=number, call=call, outcome=Outcome(status="ok"), score=loss, loss=loss)


def search(tuner: Tuner, calls: int, first: Sequence[Trial] = ()) -> list[Trial]:
    told = list(first)
    for known in told:
        tuner.tell(known)
    while len(told) < calls:
        told.append(trial(len(told) + 1, tuner.ask(calls - len(told))))
        tuner.tell(told[-1])
    return told


@pytest.mark.parametrize("share", [0.1, 0.3, 0.4, 0.6, 0.7, 0.8, 1.0])
def test_1_the_models_share_is_exact(share: float) -> None:
    turns = [is_models(turn, share) for turn in range(1, WARM_UP + 101)]
    assert not any(turns[:WARM_UP])
    for made_so_far in range(1, 101):
        assert sum(turns[WARM_UP : WARM_UP + made_so_far]) == made_so_far * round(share * 10) // 10


def test_2_the_mean_is_in_the_prompt_and_categories_are_tuned() -> None:
    kept = Kept()
    told = search(made(kept), 90)
    asked = [number for number, t in enumerate(told) if t.call.proposed_by == "llm"]
    assert len(kept.states) == len(asked) == 24
    for number, state in zip(asked, kept.states, strict=True):
        expected = CmaesSampler(SPACE).distribution(told[:number])
        assert state.mean == expected.mean
        assert state.generation == expected.generation
        assert state.step_size == pytest.approx(expected.sigma, rel=1e-2)
    last = CmaesSampler(SPACE).distribution(told)
    assert last.mean["act"] == "silu"
    assert dict(last.probabilities["act"])["silu"] > 2 / 3
    drawn = [t.call.arguments["act"] for t in told[-30:] if t.call.proposed_by == "cmaes"]
    assert drawn.count("silu") > 0.6 * len(drawn)


def test_3_a_resumed_tuner_goes_on_from_the_same_state() -> None:
    first, resumed = Kept(), Kept()
    whole = search(made(first), 40)
    again = search(made(resumed), 40, whole[:25])
    assert [t.call for t in again] == [t.call for t in whole]
    assert resumed.states == first.states[-len(resumed.states) :]
    assert resumed.states[0].generation > 0


def test_4_a_failed_turn_of_the_model_tells_nothing_and_is_used_up() -> None:
    kept = Kept(USELESS)
    told = search(made(kept), 16)
    assert [t.number for t in told if t.call.fallback] == [14]
    assert len(kept.states) == 6  # the replies of one turn: the calls after it are not the model's again
    alone = make_tuner("cmaes", SPACE, seed=0)
    for known in told[:13]:
        alone.tell(known)
    assert told[13].call.arguments == alone.ask(None).arguments
    ran = {json.dumps(dict(t.call.arguments)) for t in told}
    assert len(ran) == len(told)  # nothing but what ran was ever told: it is the whole state
    assert made(Kept(USELESS)).ask(None) == told[0].call


def failed_at(trials: Sequence[Trial], loss: float | None) -> list[Trial]:
    """The trials, every fourth of them failed and told with this loss."""
    return [replace(t, score=loss, loss=loss) if t.number % 4 == 0 else t for t in trials]


def test_5_how_bad_a_failure_is_said_to_be_changes_nothing() -> None:
    trials = search(made(), 30)
    sampler = CmaesSampler(SPACE)
    none = failed_at(trials, None)
    for loss in (math.nan, math.inf):
        assert sampler.distribution(failed_at(trials, loss)) == sampler.distribution(none)
        tuner, same = made(), made()
        for a, b in zip(failed_at(trials, loss), none, strict=True):
            tuner.tell(a)
            same.tell(b)
        assert tuner.ask(3) == same.ask(3)
    # even a bad loss that is one counts by its rank alone
    assert sampler.distribution(failed_at(trials, 50.0)) == sampler.distribution(failed_at(trials, 1e9))


def test_6_the_value_that_is_told_is_the_value_that_ran() -> None:
    def whole_floats(request: Request) -> Reply:
        asked = len(request.messages[-1].content) % 97
        return answered_by(
            lambda body: replies.call(
                {"rate": 0.1, "batch": f"{64 + asked}.0", "act": "silu"}, name="evaluate"
            )
        )(request)

    told = search(made(whole_floats, llm_share=1.0), 14)
    assert [t.call.proposed_by for t in told[10:]] == ["llm"] * 4
    for t in told:
        assert SPACE.check(t.call.arguments).arguments == t.call.arguments
        assert type(t.call.arguments["batch"]) is int
    # a point that was changed before it ran is learnt as it ran
    ran = [replace(t, call=replace(t.call, arguments={**t.call.arguments, "batch": 32})) for t in told]
    sampler = CmaesSampler(SPACE)
    assert sampler.distribution(ran).mean["batch"] != sampler.distribution(told).mean["batch"]


def test_7_what_a_program_prints_is_no_metric(small_table: pd.DataFrame, tmp_path: Path) -> None:
    task = Task.from_table(small_table, "y")

    def run(stdout: str) -> Run:
        def answer(job: Job) -> Outcome:
            if job.kind == "dry_run":
                checks = tuple(Check(dict(point), 10, "", "", None) for point in job.points)
                return Outcome(status="ok", checks=checks, stdout=stdout)
            rows = len(task.split.validation) + (2 * len(task.split.test) if job.kind == "predict" else 0)
            guess = np.full((rows, 1), float(job.arguments["learning_rate"]) * 10, np.float32)
            return Outcome(status="ok", outputs=guess, weights=b"weights", stdout=stdout)

        def centaur(candidate: Candidate) -> Tuner:
            subject = function_subject("Trips.", candidate.title, task.metric)
            model = Model(answered_by(LocalSearch(state=True)), "m")
            return make_tuner("centaur", candidate.space, seed=0, subject=subject, model=model)

        return fit(
            task,
            cookbook=True,
            candidates=1,
            folds=1,
            parallel=1,
            reseed=0,
            tuner=centaur,
            sandbox=ScriptedSandbox(answer),
            budget=Budget(trials=17),
            runs=tmp_path / str(len(stdout)),
        )

    silent, loud = run(""), run("val_bpb: 0.0\nrmse: -1e9\nFAIL\n")
    told = [(t.call, t.outcome.status, t.score) for t in loud.history.trials]
    assert told == [(t.call, t.outcome.status, t.score) for t in silent.history.trials]
    assert {status for _, status, _ in told} == {"ok"}
    assert all(score is not None and score > 0 for _, _, score in told)
    assert "llm" in {call.proposed_by for call, _, _ in told}


def run_recorded(record: Path, calls: int = 24, kill_at: int | None = None) -> list[Trial]:
    """A search that keeps its trials in a file and first tells those in it; killed before a trial ends."""
    lines = record.read_text().splitlines() if record.exists() else []
    told = [codec.trial_from_json(json.loads(line)) for line in lines]
    tuner = made()
    for known in told:
        tuner.tell(known)
    while len(told) < calls:
        call = tuner.ask(calls - len(told))
        if len(told) + 1 == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        told.append(trial(len(told) + 1, call))
        with record.open("a") as file:
            file.write(json.dumps(codec.trial_to_json(told[-1])) + "\n")
        tuner.tell(told[-1])
    return told


@pytest.mark.parametrize("kill_at", [4, 14, 18])
def test_8_a_search_that_is_killed_goes_on_as_it_would_have(tmp_path: Path, kill_at: int) -> None:
    record = tmp_path / "trials.jsonl"
    search_of_its_own = get_context("fork").Process(target=run_recorded, args=(record, 24, kill_at))
    search_of_its_own.start()
    search_of_its_own.join(60)
    assert search_of_its_own.exitcode == -signal.SIGKILL
    assert len(record.read_text().splitlines()) == kill_at - 1
    assert run_recorded(record) == search(made(), 24)
