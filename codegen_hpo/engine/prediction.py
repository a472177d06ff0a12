"""Predictions of trained models for a folder of features: their weights, loaded in fresh processes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.engine.outputs import Model, Predictions, models_of
from codegen_hpo.errors import SandboxError, reading
from codegen_hpo.records import Job, Member, Status, Trial
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.scoring.ensemble import average
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import source_of


class CannotPredictError(SandboxError):
    """A trained model that fails when it is loaded in a fresh process; `status` is that of the outcome."""

    def __init__(self, message: str, *, status: Status, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


def predict_job(folder: RunFolder, trial: Trial, model: Model, *, threads: int = 1) -> Job:
    """The job that loads a model's weights and predicts the rows of a folder of features, on the CPU."""
    weights = folder.file(f"{model.folder}/weights.safetensors")
    with reading(weights):
        learnt = weights.read_bytes()
    return Job(
        kind="predict",
        source=source_of(folder, trial),
        arguments=trial.call.arguments,
        weights=learnt,
        seed=model.seed,
        threads=threads,
    )


def outputs_of(worker: Worker, job: Job) -> NDArray[np.float32]:
    """The module's outputs for the worker's rows: (rows, n_outputs) float32. Raises CannotPredictError."""
    outcome = worker.run(job)
    if outcome.status != "ok" or outcome.outputs is None:
        raise CannotPredictError(
            f"the model cannot predict: {outcome.status} in {outcome.stage or 'the worker'}: {outcome.error}",
            status=outcome.status,
            hint="weights and code are kept in the run; codegen-hpo rerun tells whether it still trains",
        )
    return outcome.outputs


def predict_members(
    folder: RunFolder, members: Sequence[Member], features: Path, sandbox: Sandbox
) -> NDArray[np.float64]:
    """The members' weighted mean for a folder of features, in the target's unit, or as probabilities.

    (rows,) for a regression, else (rows, n_classes). Raises CannotPredictError, and SandboxError.
    """
    known = Predictions.of(folder, len(models_of(members[0].trial)))
    jobs = [
        [predict_job(folder, member.trial, model) for model in models_of(member.trial)] for member in members
    ]
    worker = sandbox.open(features)
    try:
        predictions = [
            known.mean([outputs_of(worker, job) for job in of_member], member.trial.call.target_transform)
            for member, of_member in zip(members, jobs, strict=True)
        ]
    finally:
        worker.close()
    return average(predictions, [member.weight for member in members])
