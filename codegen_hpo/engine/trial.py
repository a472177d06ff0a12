"""One trial: the job for the sandbox, the score by the host, the files it leaves."""

import io
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.bundle import read_codec
from codegen_hpo.engine.pruning import Thresholds
from codegen_hpo.engine.settings import Settings
from codegen_hpo.records import Call, Candidate, Job, Outcome, Trial
from codegen_hpo.sandbox.base import Hello, Worker
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.store import codec
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.table.target import TargetCodec
from codegen_hpo.task import Metric

START_UP_GRACE_S = 60.0  # building the model, the first epoch's end and sending weights, beyond training time


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRunner:
    """Runs calls and scores them on the validation rows, whose labels only the host has."""

    settings: Settings
    folder: RunFolder
    metric: Metric
    target: TargetCodec
    held_out: HeldOut

    @classmethod
    def of(cls, folder: RunFolder, settings: Settings, metric: Metric) -> "TrialRunner":
        """The runner of a prepared run."""
        return cls(
            settings=settings,
            folder=folder,
            metric=metric,
            target=read_codec(folder.path / "bundle"),
            held_out=HeldOut.load(folder.path / "labels"),
        )

    def run(
        self,
        candidate: Candidate,
        call: Call,
        number: int,
        worker: Worker,
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
        outcome = worker.run(job)
        wall_s = time.monotonic() - began
        value = self.score(outcome, call)
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
        )
        files = self._keep(trial, outcome)
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
            "worker": worker_versions(worker.hello),
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
        return codec.trial_to_json(trial) | {"files": self._keep(trial, trial.outcome), "wall_s": 0.0}

    def score(self, outcome: Outcome, call: Call) -> float | None:
        """The metric on the validation rows, None if there are no usable predictions."""
        if outcome.status != "ok" or outcome.outputs is None:
            return None
        predictions = self.target.decode(outcome.outputs, call.target_transform)
        return score(self.metric, self.held_out.validation_y, predictions)

    def _keep(self, trial: Trial, outcome: Outcome) -> str:
        base = f"candidates/{trial.candidate}/trials/{trial.name}"
        if outcome.outputs is not None:
            self.folder.write(f"{base}/validation_outputs.npy", npy(outcome.outputs))
        if outcome.weights is not None:
            self.folder.write(f"{base}/weights.safetensors", outcome.weights)
        if outcome.stdout:
            self.folder.write(f"{base}/stdout.txt", outcome.stdout)
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
