"""The end of a run: the winner meets the sealed test rows, once."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.engine.independence import charge, mix_rows
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.trial import npy
from codegen_hpo.errors import CodegenHpoError, NoModelError, SandboxError, reading
from codegen_hpo.records import Job, Status, Trial, ranked
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import source_of
from codegen_hpo.table.target import TargetCodec
from codegen_hpo.task import Metric

# What the winner may take to predict: to start, times its training, and for each row, on a GPU's model more.
_START_S, _TIMES, _ROW_S = 60.0, 2.0, 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOpening:
    """Predicts and scores the test rows with a winner's weights."""

    journal: Journal
    sandbox: Sandbox
    settings: Settings
    metric: Metric
    target: TargetCodec
    held_out: HeldOut

    def final(self, trials: Sequence[Trial], reason: str) -> None:
        """Records the best trial with its test score, unless this very trial was scored before.

        A trial whose model cannot predict in a fresh process, or predicts something else there, is
        disqualified, and the next best one is taken. Raises NoModelError if none is left.
        """
        stuck: dict[str, str] = {}  # by the hash of a function that did not end: the first such trial
        for winner in ranked(trials):
            if self.journal.recall("disqualified", winner.name):
                continue
            try:
                if other := stuck.get(winner.code_hash):
                    raise DependentError(f"its function is that of {other}, which did not end")
                self.journal.once("final", winner.name, partial(self._open, winner, reason))
            except (CannotPredictError, DependentError) as error:
                self.journal.note("disqualified", winner.name, {"reason": str(error)})
                if isinstance(error, CannotPredictError) and error.status == "timeout":
                    stuck[winner.code_hash] = winner.name
            else:
                return
        raise NoModelError(
            f"none of the {len(trials)} trials gave a usable model",
            hint=f"codegen-hpo show {self.journal.folder.name} --trials tells how each ended",
        )

    def _open(self, winner: Trial, reason: str) -> dict[str, Any]:
        folder = self.journal.folder
        base = f"candidates/{winner.candidate}/trials/{winner.name}"
        outputs = self._outputs(winner, folder.path / base / "validation_outputs.npy")
        folder.write(f"{base}/test_outputs.npy", npy(outputs))
        predictions = self.target.decode(outputs, winner.call.target_transform)
        return {
            "result": {
                "trial": winner.name,
                "candidate": winner.candidate,
                "validation_score": winner.score,
                "test_score": score(self.metric, self.held_out.test_y, predictions),
                "reason": reason,
            },
            "outputs": f"{base}/test_outputs.npy",
        }

    def _outputs(self, winner: Trial, recorded: Path) -> NDArray[np.float32]:
        """The winner's outputs for the test rows. Raises CannotPredictError or DependentError."""
        folder = self.journal.folder
        job = predict_job(folder, winner, threads=self.settings.threads)
        with reading(recorded):
            known = np.load(recorded, allow_pickle=False)
        with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
            features = Path(place) / "rows"
            mixed = mix_rows(features, folder.path / "test", folder.path / "bundle", self.held_out)
            # whoever trained so long needs no longer to predict a few times as many rows
            timeout_s = _START_S + _TIMES * winner.outcome.seconds + _ROW_S * len(mixed.places)
            job = replace(job, batch_rows=mixed.batch_rows, timeout_s=timeout_s)
            outputs = predict_outputs(self.sandbox, features, job)
        if reason := charge(mixed, known, outputs, winner.outcome.device):
            raise DependentError(reason)
        return mixed.test(outputs)


class CannotPredictError(SandboxError):
    """A trained model that fails when it is loaded in a fresh process; `status` is that of the outcome."""

    def __init__(self, message: str, *, status: Status, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class DependentError(CodegenHpoError):
    """A trained model whose predictions for a row rest on more than the row and the weights."""


def predict_job(folder: RunFolder, trial: Trial, *, threads: int = 1) -> Job:
    """The job that loads a trial's weights and predicts the rows of a folder of features, on the CPU."""
    weights = folder.path / f"candidates/{trial.candidate}/trials/{trial.name}/weights.safetensors"
    with reading(weights):
        learnt = weights.read_bytes()
    return Job(
        kind="predict",
        source=source_of(folder, trial),
        arguments=trial.call.arguments,
        weights=learnt,
        seed=trial.seed,
        threads=threads,
    )


def predict_outputs(sandbox: Sandbox, features: Path, job: Job) -> NDArray[np.float32]:
    """The module's outputs for a folder of features: (rows, n_outputs) float32. Raises CannotPredictError."""
    worker = sandbox.open(features)
    try:
        outcome = worker.run(job)
    finally:
        worker.close()
    if outcome.status != "ok" or outcome.outputs is None:
        raise CannotPredictError(
            f"the model cannot predict: {outcome.status} in {outcome.stage or 'the worker'}: {outcome.error}",
            status=outcome.status,
            hint="weights and code are kept in the run; codegen-hpo rerun tells whether it still trains",
        )
    return outcome.outputs
