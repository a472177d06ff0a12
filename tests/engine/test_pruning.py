"""Where trainings are stopped, and what a run does with those that were."""

import random
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from codegen_hpo.engine.pruning import FIRST_POINT, STARTUP, first_point, thresholds
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Call, Epoch, Event, Job, Outcome, Trial
from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox
from codegen_hpo.testing.killing import Killed

Start = Callable[..., Run]


def trial(number: int, losses: list[float], stopped: str = "patience") -> Trial:
    curve = tuple(Epoch(at, 0.0, loss, 0.1 * at) for at, loss in enumerate(losses, 1))
    return Trial(
        number=number,
        call=Call(arguments={}, proposed_by="tpe"),
        outcome=Outcome(status="ok", curve=curve, stopped=stopped),
        score=min(losses),
        loss=min(losses),
    )


def noisy(generator: random.Random, length: int) -> list[float]:
    level = generator.uniform(1, 3)
    return [level + 3 / at + generator.uniform(0, 0.5) for at in range(1, length + 1)]


@pytest.mark.parametrize(("name", "kept"), [("median", 50.0), ("quarter", 25.0)])
def test_the_thresholds_are_what_the_pruner_says_of_a_whole_curve(name: str, kept: float) -> None:
    generator = random.Random(5)
    known = [trial(n, noisy(generator, 40)) for n in range(1, 9)]
    found = thresholds(name, known)
    assert found
    pruner = optuna.pruners.PercentilePruner(kept, n_startup_trials=STARTUP)
    study = optuna.create_study(pruner=pruner)
    for one in known:
        best = [min(e.inner_loss for e in one.outcome.curve[: at + 1]) for at in range(40)]
        values = {at + 1: loss for at, loss in enumerate(best)}
        study.add_trial(optuna.trial.create_trial(value=best[-1], intermediate_values=values))
    ends = set()
    for _ in range(20):
        losses = noisy(generator, 40)
        asked = study.ask()
        says = []
        for point, threshold in found:
            asked.report(min(losses[:point]), point)
            says.append(asked.should_prune())
            assert says[-1] == (min(losses[:point]) > threshold)
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
        ends.add(any(says))
    assert ends == {True, False}


def test_nothing_is_pruned_before_enough_trainings_ran_to_their_end() -> None:
    known = [trial(n, [5.0] * 10) for n in range(1, STARTUP)]
    pruned = [trial(n, [9.0] * FIRST_POINT, "pruned") for n in range(STARTUP, 2 * STARTUP)]
    assert thresholds("median", known + pruned) == ()
    assert thresholds("median", [*known, *pruned, trial(20, [5.0] * 10)])


def test_off_prunes_nothing() -> None:
    assert thresholds("off", [trial(n, [1.0] * 10) for n in range(1, 10)]) == ()


def test_pruned_and_failed_trials_set_no_standard() -> None:
    known = [trial(n, [float(n)] * 10) for n in range(1, 6)]
    failed = Trial(
        number=9,
        call=Call(arguments={}, proposed_by="tpe"),
        outcome=Outcome(status="oom"),
        score=None,
        loss=None,
    )
    bad = [trial(n, [99.0] * FIRST_POINT, "pruned") for n in range(6, 9)]
    assert thresholds("median", [*known, *bad, failed]) == thresholds("median", known)


def test_a_training_that_ended_by_itself_counts_at_later_points() -> None:
    short = [trial(n, [3.0, 2.0, 1.0, 1.0], "patience") for n in range(1, 5)]
    cut = [trial(n, [3.0, 2.0, 1.0, 1.0], "time") for n in range(1, 5)]
    long = trial(5, [9.0] * 40)
    assert max(threshold for _, threshold in thresholds("median", [*short, long])) == pytest.approx(
        1.0, abs=1e-3
    )
    late = dict(thresholds("median", [*cut, long]))
    assert late[max(late)] == 9.0


def test_the_points_are_few_on_a_long_curve() -> None:
    found = thresholds("median", [trial(n, [1.0 / at for at in range(1, 1501)]) for n in range(1, 6)])
    points = [point for point, _ in found]
    assert points[0] == FIRST_POINT
    assert points == sorted(set(points))
    assert len(points) < 30


def test_equal_curves_are_not_pruned() -> None:
    found = thresholds("median", [trial(n, [2.0] * 9) for n in range(1, 6)])
    assert {threshold for _, threshold in found} == {2.0}


def test_a_training_may_not_stop_before_half_its_patience() -> None:
    known = [trial(n, [float(n)] * 300) for n in range(1, 6)]
    assert first_point(200) == 100
    assert min(point for point, _ in thresholds("median", known, first_point(200))) == 100
    assert first_point(5) == FIRST_POINT


class Pruning:
    """A sandbox's script whose trainings stop where the job says; the loss is the momentum throughout."""

    def __init__(self, script: Callable[[Job], Outcome]) -> None:
        self._script = script

    def __call__(self, job: Job) -> Outcome:
        outcome = self._script(job)
        if job.kind != "train":
            return outcome
        level = float(job.arguments["momentum"])
        stops = [point for point, threshold in job.prune if level > threshold]
        last = min(stops, default=300)
        curve = tuple(Epoch(at, 1.0, level, 0.01 * at) for at in range(1, last + 1))
        fields = {"curve": curve, "stopped": "pruned" if stops else "patience", "best_epoch": 1}
        return Outcome(**{name: getattr(outcome, name) for name in outcome.__slots__} | fields)


def test_a_pruned_trial_is_scored_and_says_so(start: Start, sandbox: ScriptedSandbox) -> None:
    pruning = ScriptedSandbox(Pruning(sandbox.script))
    run = start(sandbox=pruning, prune="median", budget=Budget(trials=14), parallel=1, reseed=0)
    jobs = [job for job in pruning.jobs if job.kind == "train"]
    assert not any(job.prune for job in jobs[:STARTUP])
    assert all(job.prune for job in jobs[STARTUP:])
    pruned = [t for t in run.history.trials if t.outcome.stopped == "pruned"]
    assert pruned
    assert all(t.score is not None and t.outcome.curve[-1].number < 300 for t in pruned)
    recorded = [event.data["job"]["prune"] for event in run.folder.of_kind("trial")]
    assert [tuple(map(tuple, row)) for row in recorded] == [job.prune for job in jobs]


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_killed_run_prunes_as_it_would_have(
    start: Start, source: str, sandbox: ScriptedSandbox, tmp_path: Path, parallel: int
) -> None:
    class Kill:
        def receive(self, event: Event) -> None:
            if event.kind == "trial" and event.data["number"] == 7:
                raise Killed

    options = {"prune": "median", "parallel": parallel, "reseed": 0, "budget": Budget(trials=12)}
    whole = start(sandbox=ScriptedSandbox(Pruning(sandbox.script)), runs=tmp_path / "whole", **options)
    with pytest.raises(Killed):
        start(
            sandbox=ScriptedSandbox(Pruning(sandbox.script)),
            runs=tmp_path / "killed",
            sinks=[Kill()],
            **options,
        )
    run = Run.open(next((tmp_path / "killed").iterdir()))
    run.resume(author=ScriptedAuthor([source]), sandbox=ScriptedSandbox(Pruning(sandbox.script)))
    assert pruned_at(run) == pruned_at(whole)


def pruned_at(run: Run) -> list[tuple[int, str, object]]:
    rows = [event.data for event in run.folder.of_kind("trial")]
    listed = [(row["number"], str(row["call"]["arguments"]), row["job"]["prune"]) for row in rows]
    return [(number, text, tuple(map(tuple, prune))) for number, text, prune in sorted(listed)]


def test_an_unknown_pruner_is_refused(start: Start) -> None:
    with pytest.raises(ConfigError, match="no pruner 'hyperband'"):
        start(prune="hyperband")
