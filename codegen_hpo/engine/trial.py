"""One trial: the job for the sandbox, the score by the host, the files it leaves."""

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.outputs import Predictions, models
from codegen_hpo.engine.pruning import Thresholds
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.worker import Team
from codegen_hpo.records import Call, Candidate, Epoch, FoldResult, Job, Outcome, Trial, trial_name
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.store import codec
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.task import Metric

START_UP_GRACE_S = 60.0  # building the model, the first epoch's end and sending weights, beyond training time


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRunner:
    """Runs calls and scores them on the validation rows, whose labels only the host has."""

    settings: Settings
    folder: RunFolder
    metric: Metric
    predictions: Predictions
    held_out: HeldOut
    journal: Journal | None = None  # shows where trainings are

    @classmethod
    def of(
        cls, folder: RunFolder, settings: Settings, metric: Metric, journal: Journal | None = None
    ) -> "TrialRunner":
        """The runner of a prepared run."""
        return cls(
            settings=settings,
            folder=folder,
            metric=metric,
            predictions=Predictions.of(folder, settings.folds),
            held_out=HeldOut.load(folder.path / "labels"),
            journal=journal,
        )

    def run(
        self,
        candidate: Candidate,
        call: Call,
        number: int,
        team: Team,
        device: str,
        seconds_left: float | None,
        *,
        grace_s: float = START_UP_GRACE_S,
        prune: Thresholds = (),
        seed: int | None = None,
    ) -> dict[str, Any]:
        """The trial as its event's data; outputs and weights are files by then.

        Args:
            grace_s: how long it may take beside its training.
            seed: of the training; the run's if None.
        """
        train_s = min(self.settings.trial_s, float("inf") if seconds_left is None else seconds_left)
        train_s /= self.settings.turns
        job = Job(
            kind="train",
            source=candidate.source,
            arguments=call.arguments,
            seed=self.settings.seed if seed is None else seed,
            device=device,
            threads=self.settings.threads,
            train_s=train_s,
            timeout_s=train_s + grace_s,
            prune=prune,
        )
        began = time.monotonic()
        outcomes = self._shown(number, team, job)
        wall_s = time.monotonic() - began
        outcome = self.together(outcomes, wall_s)
        value = self.score(outcomes, call)
        if outcome.status == "ok" and value is None:
            outcome = replace(
                outcome,
                status="bad_result",
                error=f"the predictions give no finite {self.metric.name}",
            )
        trial = Trial(
            number=number,
            candidate=candidate.name,
            code_hash=candidate.code_hash,
            call=call,
            outcome=replace(outcome, outputs=None, weights=None),
            score=value,
            loss=None if value is None else self.metric.loss(value),
            seed=job.seed,
            folds=() if value is None else self.fold_results(outcomes, call, job.seed),
        )
        files = self._keep(trial, outcomes)
        limits = {
            "train_s": job.train_s,
            "timeout_s": job.timeout_s,
            "threads": job.threads,
            "device": job.device,
            "prune": [list(stop) for stop in job.prune],
        }
        return codec.trial_to_json(trial) | {
            "files": files,
            "job": limits,
            "worker": worker_versions(team.hello),
            "bundle_hash": self.folder.of_kind("prepared")[0].data["bundle_hash"],
            "wall_s": round(wall_s, 3),
        }

    def refuse(self, candidate: Candidate, call: Call, number: int, reason: str) -> dict[str, Any]:
        """The trial of a call that is not run, as its event's data: it failed, and cost nothing."""
        trial = Trial(
            number=number,
            candidate=candidate.name,
            code_hash=candidate.code_hash,
            call=call,
            outcome=Outcome(status="refused", error=reason),
            score=None,
            loss=None,
            seed=self.settings.seed,
        )
        return codec.trial_to_json(trial) | {"files": self._keep(trial, ()), "wall_s": 0.0}

    def jobs(self, job: Job) -> list[Job]:
        """The job of each fold, on a seed of its own, so that their models differ as an ensemble's should."""
        return [replace(job, seed=seed) for seed in self._seeds(job.seed)]

    def together(self, outcomes: Sequence[Outcome], seconds: float) -> Outcome:
        """The outcome of a trial: that of its one training; of folds the first's, or of one that failed.

        Args:
            outcomes: of the folds, up to the first that failed.
            seconds: that all of them took.
        """
        folds, last = self.settings.folds, outcomes[-1]
        if folds == 1:
            return last
        if last.status != "ok":
            error = f"fold {len(outcomes)} of {folds}: {last.error}"
            return replace(last, error=error, seconds=round(seconds, 3))
        peak = max(outcome.peak_memory_bytes for outcome in outcomes)
        return replace(outcomes[0], seconds=round(seconds, 3), peak_memory_bytes=peak)

    def score(self, outcomes: Sequence[Outcome], call: Call) -> float | None:
        """The metric on the validation rows, None if there are no usable predictions."""
        outputs = [one.outputs for one in outcomes if one.status == "ok" and one.outputs is not None]
        if len(outputs) < self.settings.folds:
            return None
        predictions = self.predictions.left_out(outputs, call.target_transform)
        return score(self.metric, self.held_out.validation_y, predictions)

    def fold_results(self, outcomes: Sequence[Outcome], call: Call, seed: int) -> tuple[FoldResult, ...]:
        """What each fold's training came to, of a call that has a score; none where there are no folds."""
        if self.settings.folds == 1:
            return ()
        found, begin = [], 0
        for outcome, own, seed_of in zip(outcomes, self.predictions.codecs, self._seeds(seed), strict=True):
            assert outcome.outputs is not None
            labels = self.held_out.validation_y[begin : begin + len(outcome.outputs)]
            begin += len(labels)
            found.append(
                FoldResult(
                    seed=seed_of,
                    score=score(self.metric, labels, own.decode(outcome.outputs, call.target_transform)),
                    seconds=outcome.seconds,
                    points=len(outcome.curve),
                    best_epoch=outcome.best_epoch,
                    stopped=outcome.stopped,
                )
            )
        return tuple(found)

    def _seeds(self, seed: int) -> list[int]:
        """Of each fold's training, given the trial's."""
        return [model.seed for model in models("", "", seed, self.settings.folds)]

    def _shown(self, number: int, team: Team, job: Job) -> list[Outcome]:
        """The outcomes; meanwhile the run shows where the trial is."""
        if self.journal is None:
            return self._trained(team, self.jobs(job))
        try:
            jobs = [
                replace(one, passed=partial(self._show, self.journal, trial_name(number), fold))
                for fold, one in enumerate(self.jobs(job), 1)
            ]
            return self._trained(team, jobs)
        finally:
            self.journal.hide(trial_name(number))

    def _show(self, journal: Journal, trial: str, fold: int, epoch: Epoch) -> None:
        journal.show("passed", trial, {"fold": fold, "folds": self.settings.folds, "epoch": epoch.number})

    def _trained(self, team: Team, jobs: Sequence[Job]) -> list[Outcome]:
        """The outcome of each fold's job, up to the first that failed.

        The first fold decides for all where a hopeless training may be stopped: the others then end at the
        same point of their curves.
        """
        first, *others = jobs
        if not first.prune or not others:
            return team.run_folds(jobs)
        outcomes = team.run_folds([first])
        if outcomes[0].status != "ok":
            return outcomes
        end = len(outcomes[0].curve) if outcomes[0].stopped == "pruned" else None
        followed = [replace(other, prune=(), stop_after_epoch=end) for other in others]
        return outcomes + team.run_folds(followed, first=1)

    def _keep(self, trial: Trial, outcomes: Sequence[Outcome]) -> str:
        base = f"candidates/{trial.candidate}/trials/{trial.name}"
        made = models(trial.candidate, trial.name, trial.seed, self.settings.folds)
        for outcome, model in zip(outcomes, made, strict=False):
            if outcome.outputs is not None:
                self.folder.write(f"{model.folder}/validation_outputs.npy", npy(outcome.outputs))
            if outcome.weights is not None:
                self.folder.write(f"{model.folder}/weights.safetensors", outcome.weights)
            if outcome.stdout:
                self.folder.write(f"{model.folder}/stdout.txt", outcome.stdout)
        self.folder.write_json(f"{base}/trial.json", codec.trial_to_json(trial))
        return base


def worker_versions(hello: Hello) -> dict[str, str]:
    """What a trial's numbers depend on beside code, data and seed."""
    return {"python": hello.python, "torch": hello.torch, "cuda": hello.cuda}


def npy(array: NDArray[np.float32]) -> bytes:
    """The array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
