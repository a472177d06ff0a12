"""The model that a run leaves: an ensemble where that is better, its noise, and calls met by fresh seeds."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.bundle import read_codec
from codegen_hpo.cli.scores import print_scores
from codegen_hpo.engine.fresh_seeds import best_call
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError, NoModelError
from codegen_hpo.records import Call, Check, Job, Outcome, Trial, ranked
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.task import METRICS
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.testing.killing import KillAfter, Killed

Start = Callable[..., Run]


class Waves:
    """A sandbox whose models know the table's two numbers, each but for a wave of its own.

    The waves of different arguments and seeds are not in step, so that a mean of models is better than each.
    What a model gives for a row rests on the row alone.
    """

    name = "waves"

    def __init__(self, *, size: Callable[[Job], float] = lambda job: 0.4) -> None:
        self.jobs: list[Job] = []
        self.opened: list[Path] = []
        self.broken: set[str] = set()  # arguments of models that cannot predict afresh
        self._size = size

    def open(self, bundle: Path) -> "_Worker":
        self.opened.append(bundle)
        return _Worker(self, np.load(bundle / "eval_num.npy"))

    def answer(self, job: Job, numbers: np.ndarray) -> Outcome:
        self.jobs.append(job)
        if job.kind == "dry_run":
            return Outcome(status="ok", checks=tuple(Check(dict(p), 10, "", "", None) for p in job.points))
        if job.kind == "predict" and json.dumps(dict(job.arguments)) in self.broken:
            return Outcome(status="error", stage="load", error="missing key")
        phase = 1000 * float(job.arguments["learning_rate"]) + 7 * job.seed
        outputs = (2 * numbers[:, 0] - numbers[:, 1]) / 3
        outputs = outputs + self._size(job) * np.sin(9 * numbers[:, 0] + 5 * numbers[:, 1] + phase)
        return Outcome(
            status="ok",
            outputs=outputs[:, None].astype(np.float32),
            weights=b"weights" if job.kind == "train" else None,
            parameters=10,
            seconds=0.1,
        )


class _Worker:
    hello = Hello(python="3.11.0", torch="2.13.0", cuda="")

    def __init__(self, sandbox: Waves, numbers: np.ndarray) -> None:
        self._sandbox, self._numbers = sandbox, numbers

    def run(self, job: Job) -> Outcome:
        return self._sandbox.answer(job, self._numbers)

    def close(self) -> None:
        pass


@pytest.fixture
def waves(start: Start) -> Callable[..., Run]:
    """Fits with a sandbox of waves, eight trials one after the other."""

    def run(sandbox: Waves, **changes: object) -> Run:
        options = {"budget": Budget(trials=8), "parallel": 1, "tuner": "random"}
        return start(sandbox=sandbox, **options | changes)

    return run


def test_the_ensemble_is_better_on_validation_and_is_scored_beside_the_best_trial(
    waves: Callable[..., Run],
) -> None:
    sandbox = Waves()
    run = waves(sandbox)
    final = run.history.final
    assert final is not None
    assert final.is_ensemble
    assert final.validation_score < final.single_validation_score == ranked(run.history.trials)[0].score
    assert sum(final.members.values()) == pytest.approx(1, abs=1e-3)
    labels, metric = HeldOut.load(run.path / "labels"), METRICS["rmse"]
    codec = read_codec(run.path / "bundle")
    for part, y, told in (
        ("validation", labels.validation_y, final.validation_score),
        ("test", labels.test_y, final.test_score),
    ):
        mean = sum(
            weight
            * codec.decode(np.load(run.path / f"candidates/c01/trials/{name}/{part}_outputs.npy"))
            / sum(final.members.values())
            for name, weight in final.members.items()
        )
        assert score(metric, y, mean) == pytest.approx(told)
    assert final.test_score != final.single_test_score


def test_one_worker_predicts_the_test_rows_for_all_members(waves: Callable[..., Run]) -> None:
    sandbox = Waves()
    final = waves(sandbox).history.final
    assert final is not None
    predicted = [job for job in sandbox.jobs if job.kind == "predict"]
    assert len(predicted) == len({*final.members, final.trial})
    assert sum(path.name == "rows" for path in sandbox.opened) == 1


def test_predict_averages_the_members_unless_the_single_model_is_asked_for(
    waves: Callable[..., Run], small_table: pd.DataFrame
) -> None:
    sandbox = Waves()
    run = waves(sandbox)
    sandbox.jobs.clear()
    together = run.predict(small_table, sandbox=sandbox)["y"]
    assert len(sandbox.jobs) == len(run.model())
    alone = run.predict(small_table, sandbox=sandbox, single=True)["y"]
    error, alone_error = ((values - small_table["y"]).std() for values in (together, alone))
    assert error < alone_error


def test_a_fit_without_an_ensemble_uses_the_best_trial(waves: Callable[..., Run]) -> None:
    run = waves(Waves(), ensemble=1)
    final = run.history.final
    assert final is not None
    assert final.members == {run.best.trial.name: 1.0}
    assert final.validation_score == final.single_validation_score
    assert final.test_score == final.single_test_score


def test_an_ensemble_that_is_no_better_is_not_used(waves: Callable[..., Run]) -> None:
    first = waves(Waves(size=lambda job: 0.0 if job.arguments["momentum"] == 0.9 else 3.0)).history.final
    assert first is not None
    assert first.members == {"t001": 1.0}


def test_a_member_that_cannot_predict_afresh_is_replaced(waves: Callable[..., Run]) -> None:
    sandbox = Waves()
    first = waves(sandbox)
    member = next(m.trial for m in first.model() if m.trial.name != first.best.trial.name)
    sandbox.broken.add(json.dumps(dict(member.call.arguments)))
    run = waves(sandbox)
    final = run.history.final
    assert final is not None
    assert set(run.history.disqualified) == {member.name}
    assert member.name not in final.members
    assert final.is_ensemble


def test_a_run_whose_models_all_fail_has_none(waves: Callable[..., Run]) -> None:
    class Forgetful(Waves):
        def answer(self, job: Job, numbers: np.ndarray) -> Outcome:
            return (
                Outcome(status="error", error="no") if job.kind == "predict" else super().answer(job, numbers)
            )

    with pytest.raises(NoModelError, match="8 trials"):
        waves(Forgetful())


def test_the_noise_is_told_and_trials_within_it_are_level(
    waves: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """Waves of one size are as good as one another, ten times larger ones are not."""
    sizes = iter([0.4] * 6 + [4.0] * 2)
    told: dict[str, float] = {}

    def size(job: Job) -> float:
        key = json.dumps(dict(job.arguments))
        return told.setdefault(key, next(sizes) if job.kind == "train" else 0.0)

    run = waves(Waves(size=size), ensemble=1)
    final = run.history.final
    assert final is not None
    assert final.noise is not None
    assert 0 < final.noise < 0.5 * final.validation_score
    assert final.test_noise is not None
    assert set(final.level) <= {f"t00{number}" for number in range(1, 7)} - {final.trial}
    assert final.level
    print_scores(run.history, "rmse")
    printed = capsys.readouterr().out
    assert f"± {final.noise:.2g}" in printed
    assert f" level with {final.trial}" in printed


# -- fresh seeds ------------------------------------------------------------------------------------


def fresh(run: Run) -> list[Trial]:
    return [t for t in run.history.trials if t.call.proposed_by.startswith("fresh seed of ")]


def test_the_best_calls_are_trained_again_out_of_the_budget(waves: Callable[..., Run]) -> None:
    run = waves(Waves(), budget=Budget(trials=15))
    trials = run.history.trials
    assert [trial.number for trial in trials] == list(range(1, 16))
    assert [trial.call.proposed_by for trial in fresh(run)] == [
        f"fresh seed of {trial.name}" for trial in ranked(trials[:12])[:3]
    ]
    assert {trial.seed for trial in fresh(run)} == {1}
    assert [trial.number for trial in fresh(run)] == [13, 14, 15]
    final = run.history.final
    assert final is not None
    assert final.seeds == 2
    assert final.reason == "12 trials are done, and 3 on fresh seeds"


def test_of_a_few_trials_none_is_kept_for_fresh_seeds(waves: Callable[..., Run]) -> None:
    assert not fresh(waves(Waves(), budget=Budget(trials=7)))
    assert not fresh(waves(Waves(), budget=Budget(trials=20), reseed=0))


def test_the_call_that_is_best_on_average_wins(waves: Callable[..., Run]) -> None:
    """The leader of the first seed was lucky."""

    def size(job: Job) -> float:
        is_default = job.arguments["momentum"] == 0.9
        return (3.0 if job.seed else 0.0) if is_default else 1.0

    run = waves(Waves(size=size), budget=Budget(trials=15), ensemble=1)
    final = run.history.final
    assert ranked(run.history.trials)[0].name == "t001"
    assert final is not None
    assert final.trial != "t001"
    assert final.seeds == 2
    assert final.seeds_score > final.single_validation_score > ranked(run.history.trials)[0].score


def test_numbers_that_cannot_be_are_refused(waves: Callable[..., Run], tmp_path: Path) -> None:
    for wrong in ({"reseed": -1}, {"ensemble": 0}):
        with pytest.raises(ConfigError, match=r"is (-1|0)"):
            waves(Waves(), **wrong)
    assert not (tmp_path / "runs").exists()


def test_the_tuner_is_not_told_of_fresh_seeds(waves: Callable[..., Run]) -> None:
    class Listener:
        name = "listener"

        def __init__(self) -> None:
            self.told: list[Trial] = []

        def ask(self, trials_left: int | None, running: object = ()) -> Call:
            rate = 0.01 + 0.001 * len(self.told)
            return Call(arguments={"learning_rate": rate, "momentum": 0.5}, proposed_by=self.name)

        def tell(self, trial: Trial) -> None:
            self.told.append(trial)

    listener = Listener()
    run = waves(Waves(), budget=Budget(trials=15), tuner=lambda _: listener)
    assert len(run.history.trials) == 15
    assert [trial.number for trial in listener.told] == list(range(1, 13))


def scored(number: int, rate: float, loss: float | None) -> Trial:
    call = Call(arguments={"rate": rate}, proposed_by="tpe")
    status = "ok" if loss is not None else "nan"
    return Trial(number=number, call=call, outcome=Outcome(status=status), score=loss, loss=loss)


def test_a_call_that_failed_on_a_seed_comes_last() -> None:
    trials = [scored(1, 0.1, 1.0), scored(2, 0.2, 2.0), scored(3, 0.1, None), scored(4, 0.2, 4.0)]
    assert best_call(trials, ranked(trials)).number == 2
    steady = [*trials[:2], replace(trials[2], loss=1.5, score=1.5)]
    assert best_call(steady, ranked(steady)).number == 1


def test_a_call_that_was_not_trained_again_is_credited_with_the_luck_of_those_that_were() -> None:
    first = [scored(1, 0.1, 1.00), scored(2, 0.2, 1.01), scored(3, 0.3, 1.02), scored(4, 0.4, 0.9)]
    again = [scored(5, 0.1, 1.06), scored(6, 0.2, 1.07)]

    def best(*trials: Trial) -> int:
        return best_call(trials, ranked(trials)).number

    assert best(*first) == 4, "nothing is known of luck"
    assert best(*first[:3], *again) == 1, "1.02 was luck as well"
    assert best(*first, *again) == 4, "what came later is much better"
    assert best(*first[:3], *again[:1], scored(7, 0.3, 1.01)) == 7, "the better one of the call"


# -- kill and resume --------------------------------------------------------------------------------


def told(run: Run) -> list[tuple[object, ...]]:
    return [
        (t.number, t.call.proposed_by, dict(t.call.arguments), t.seed, t.score) for t in run.history.trials
    ]


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [1, 2])
def test_a_kill_after_the_search_changes_nothing_and_repeats_no_job(
    waves: Callable[..., Run], source: str, tmp_path: Path, parallel: int
) -> None:
    options = {"budget": Budget(trials=10), "parallel": parallel, "ensemble": 3}
    sandbox = Waves()
    whole = waves(sandbox, runs=tmp_path / "whole", **options)
    jobs, events = len(sandbox.jobs), whole.folder.events
    again = [event.number for event in events if "/fresh/" in event.key]
    assert len(again) == 2
    first = again[0] - 1
    for kill_after in range(first, len(events), 2) if parallel == 1 else range(first, again[-1]):
        sandbox = Waves()
        runs = tmp_path / f"killed-{kill_after}"
        with pytest.raises(Killed):
            waves(sandbox, runs=runs, sinks=[KillAfter(kill_after)], **options)
        run = Run.open(next(runs.iterdir()))
        run.resume(author=ScriptedAuthor([source] * 12), sandbox=sandbox)
        assert told(run) == told(whole), f"killed after {kill_after} of {len(events)} events"
        assert run.history.final == whole.history.final
        if parallel == 1:
            assert len(sandbox.jobs) == jobs, f"killed after {kill_after} of {len(events)} events"


def test_a_model_that_was_chosen_before_is_the_final_one_again(
    waves: Callable[..., Run], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two resumes: another model is better, and is disqualified then."""
    run = waves(Waves(), budget=Budget(trials=4), ensemble=1)
    first = run.history.final
    assert first is not None
    better = {"learning_rate": 0.05, "momentum": 0.123}

    class Better:
        name = "better"

        def ask(self, trials_left: int | None, running: object = ()) -> Call:
            return Call(arguments=better, proposed_by=self.name)

        def tell(self, trial: Trial) -> None:
            pass

    sandbox = Waves(size=lambda job: 0.0 if dict(job.arguments) == better else 0.4)
    resume = partial(run.resume, author=ScriptedAuthor([source] * 12), sandbox=sandbox)
    resume(trials=5, tuner=lambda _: Better())
    second = run.history.final
    assert second is not None
    assert second.trial == "t005"
    assert second.openings == 2
    sandbox.broken.add(json.dumps(better))
    with run.folder.writing():
        run.folder.record("disqualified", "t005", {"reason": "of the test"}, 0.0)
    resume(trials=6)
    third = run.history.final
    assert third is not None
    assert third.trial == first.trial
    assert third.openings == 2


def test_more_trials_go_on_with_the_search_and_meet_fresh_seeds_again(
    waves: Callable[..., Run], source: str
) -> None:
    sandbox = Waves()
    run = waves(sandbox, budget=Budget(trials=15))
    before = told(run)
    run.resume(trials=30, author=ScriptedAuthor([source]), sandbox=sandbox)
    assert told(run)[:15] == before
    assert [trial.number for trial in run.history.trials] == list(range(1, 31))
    assert [trial.number for trial in fresh(run)][:3] == [13, 14, 15]
    top = ranked(t for t in run.history.trials if t not in fresh(run))[:3]
    assert {f"fresh seed of {trial.name}" for trial in top} <= {t.call.proposed_by for t in fresh(run)}
    final = run.history.final
    assert final is not None
    assert final.openings == 2
    run.resume(author=ScriptedAuthor([source]), sandbox=sandbox)
    assert run.history.final == final
