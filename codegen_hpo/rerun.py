"""A recorded trial, run again: identical, or what differs."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

from codegen_hpo.bundle import bundle_folders
from codegen_hpo.engine.prepare import bundle_hash
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.trial import TrialRunner, worker_versions
from codegen_hpo.engine.worker import Team
from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Call, FoldResult, Job, Outcome, Trial
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.space import Scalar
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import History, read_task, source_of
from codegen_hpo.task import METRICS


class Difference(NamedTuple):
    """One thing in which a repeated trial is not as it was recorded."""

    what: str  # "metric", "curve", "folds", "data", "arguments", "seed" or a version's name
    recorded: Any
    now: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """What a repeated trial gave, beside what was recorded."""

    trial: str
    metric: str
    recorded: float | None
    score: float | None
    outcome: Outcome
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        """Whether the trial came out as it was recorded."""
        return not self.differences


def rerun(
    folder: RunFolder,
    history: History,
    trial: Trial,
    sandbox: Sandbox,
    *,
    changes: Mapping[str, str],
    seed: int | None,
) -> Rerun:
    """Trains the trial again in a fresh worker; nothing is written to the run.

    Args:
        changes: arguments to set otherwise, as text: checked against the candidate's space.

    Raises:
        ConfigError: an unknown argument or a value out of range; a trial that was refused.
    """
    if trial.outcome.status == "refused":
        raise ConfigError(
            f"{trial.name} was never trained: {trial.outcome.error}",
            hint="--set on another trial trains these arguments",
        )
    metric = METRICS[read_task(folder)["metric"]]
    runner = TrialRunner.of(folder, Settings.from_json(history.settings), metric)
    arguments = _changed(history, trial, changes)
    recorded = next(e.data for e in folder.of_kind("trial") if e.data["number"] == trial.number)
    source = source_of(folder, trial)
    train_s, timeout_s = _seconds(trial, recorded["job"])
    job = Job(
        kind="train",
        source=source,
        arguments=arguments,
        seed=trial.seed if seed is None else seed,
        device=recorded["job"]["device"],
        threads=recorded["job"]["threads"],
        keep_weights=False,
        train_s=train_s,
        timeout_s=timeout_s,
    )
    settings = runner.settings
    bundles = bundle_folders(folder.path / "bundle", settings.folds)
    openers = [partial(sandbox.open, bundle) for bundle in bundles]
    team = Team(openers, lambda hello: None, at_once=settings.folds_at_once)
    began = time.monotonic()
    with closing(team):
        jobs = [
            replace(job, stop_after_epoch=point)
            for job, point in zip(runner.jobs(job), _stops(trial, settings.folds), strict=True)
        ]
        outcomes = team.run_folds(jobs)
        now = worker_versions(team.hello)
    outcome = runner.together(outcomes, time.monotonic() - began)
    call = Call(arguments=arguments, proposed_by="rerun")
    score = runner.score(outcomes, call)
    folds = () if score is None else runner.fold_results(outcomes, call, job.seed)
    pairs: list[tuple[str, Any, Any]] = [
        ("arguments", dict(trial.call.arguments), arguments),
        ("seed", trial.seed, job.seed),
        ("status", trial.outcome.status, _status(outcome, score)),
        ("metric", trial.score, score),
        ("curve", _losses(trial.outcome), _losses(outcome)),
        ("folds", _scores(trial.folds), _scores(folds)),
        ("data", folder.of_kind("prepared")[0].data["bundle_hash"], bundle_hash(folder.path / "bundle")),
        ("codegen-hpo", history.versions["codegen-hpo"], version("codegen-hpo")),
        *((name, known, now.get(name)) for name, known in recorded["worker"].items()),
    ]
    return Rerun(
        trial=trial.name,
        metric=metric.name,
        recorded=trial.score,
        score=score,
        outcome=outcome,
        differences=tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2]),
    )


def _seconds(trial: Trial, limits: Mapping[str, float]) -> tuple[float, float]:
    """Training time and time-out: ten times those recorded where the clock had no part in the result.

    A busier machine repeats such a trial as well. A single epoch that the clock ended may be a part of one.
    """
    outcome = trial.outcome
    trainings = [(fold.stopped, fold.points) for fold in trial.folds] or [
        (outcome.stopped, len(outcome.curve))
    ]
    by_clock = outcome.status == "timeout" or ("time", 1) in trainings
    room = 1 if by_clock else 10
    return limits["train_s"] * room, limits["timeout_s"] * room


def _stops(trial: Trial, folds: int) -> list[int | None]:
    """Where each fold's training ends: one that was cut short is repeated point by point."""
    if not trial.folds:
        cut = trial.outcome.stopped in ("time", "pruned")
        return [trial.outcome.curve[-1].number if cut else None] * folds
    pruned = trial.outcome.stopped == "pruned"
    return [fold.points if pruned or fold.stopped == "time" else None for fold in trial.folds]


def _scores(folds: Sequence[FoldResult]) -> list[tuple[int, float | None, int]]:
    return [(fold.seed, fold.score, fold.best_epoch) for fold in folds]


def _status(outcome: Outcome, score: float | None) -> str:
    """As a trial is recorded: predictions without a finite metric are a bad result."""
    return "bad_result" if outcome.status == "ok" and score is None else outcome.status


def _changed(history: History, trial: Trial, changes: Mapping[str, str]) -> dict[str, Scalar]:
    if not changes:
        return dict(trial.call.arguments)
    candidate = next(c for c in history.candidates if c.name == trial.candidate)
    values: dict[str, object] = {name: _literal(value) for name, value in changes.items()}
    checked = candidate.space.check({**trial.call.arguments, **values})
    if checked.arguments is None:
        raise ConfigError(
            f"--set for {trial.name}: " + "; ".join(checked.complaints),
            hint=f"codegen-hpo show {history.name} {trial.candidate} tells the ranges",
        )
    return checked.arguments


def _literal(text: str) -> object:
    """true and false are booleans; numbers are converted by the space."""
    return {"true": True, "false": False}.get(text.lower(), text)


def _losses(outcome: Outcome) -> list[tuple[int, str, str]]:
    # as text: NaN equals NaN here
    return [(epoch.number, repr(epoch.train_loss), repr(epoch.inner_loss)) for epoch in outcome.curve]
