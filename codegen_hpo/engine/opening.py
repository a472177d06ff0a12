"""The sealed test rows, before the models that are to be scored on them: one worker predicts for all."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from codegen_hpo.engine.independence import Mixed, charge, mix_rows
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.outputs import models_of
from codegen_hpo.engine.prediction import CannotPredictError, outputs_of, predict_job
from codegen_hpo.engine.trial import npy
from codegen_hpo.engine.worker import LazyWorker
from codegen_hpo.errors import CodegenHpoError, reading
from codegen_hpo.records import Trial
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.scoring.holdout import HeldOut

# What a model may take to predict: to start, times its training, and for each row, on a GPU's model more.
_START_S, _TIMES, _ROW_S = 60.0, 2.0, 0.0005


class DependentError(CodegenHpoError):
    """A trained model whose predictions for a row rest on more than the row and the weights."""


@dataclass(kw_only=True)
class TestOpening:
    """Lets models predict the test rows, each once, and finds out those that look at more than a row."""

    __test__ = False  # for pytest, which takes it for a test by its name

    journal: Journal
    sandbox: Sandbox
    held_out: HeldOut
    bundles: Sequence[Path]  # whose rows to predict are the validation rows
    threads: int
    _mixed: Mixed | None = None
    _worker: LazyWorker = field(init=False)
    _ended: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self._worker = LazyWorker(self._opened, lambda hello: None)

    def prepare(self) -> None:
        """Begins to write the rows and to open the worker, while the last trials run."""
        self._worker.warm()

    def admits(self, trial: Trial) -> bool:
        """Whether the trial's model predicts in a fresh process what it predicted in training.

        Then its outputs for the test rows are a file of the run; otherwise it is recorded as disqualified.
        Of folds, each model has to.
        """
        if self.journal.recall("disqualified", trial.name):
            return False
        try:
            if not self.journal.recall("opened", trial.name) and (other := self._stuck(trial)):
                raise DependentError(f"its function is that of {other}, which did not end")
            self.journal.once("opened", trial.name, partial(self._open, trial))
        except (CannotPredictError, DependentError) as error:
            stuck = isinstance(error, CannotPredictError) and error.status == "timeout"
            found = {"reason": str(error), "stuck": trial.code_hash if stuck else ""}
            self.journal.note("disqualified", trial.name, found)
            return False
        return True

    def _stuck(self, trial: Trial) -> str:
        """The trial of the same function that did not end, if there was one."""
        events = self.journal.folder.of_kind("disqualified")
        return next((event.key for event in events if event.data.get("stuck") == trial.code_hash), "")

    def close(self) -> None:
        """Ends the worker, and removes the rows that it saw. May be called twice."""
        self._worker.close()
        self._ended.close()

    def _open(self, trial: Trial) -> dict[str, Any]:
        folder, models = self.journal.folder, models_of(trial)
        mixed, begin, names = self._rows(), 0, []
        # whoever trained so long needs no longer to predict a few times as many rows
        timeout_s = _START_S + _TIMES * trial.outcome.seconds + _ROW_S * len(mixed.places)
        for model in models:
            validation = folder.path / model.folder / "validation_outputs.npy"
            with reading(validation):
                known = np.load(validation, allow_pickle=False)
            job = predict_job(folder, trial, model, threads=self.threads)
            job = replace(job, batch_rows=mixed.batch_rows, timeout_s=timeout_s)
            outputs = outputs_of(self._worker, job)
            if reason := charge(mixed, known, outputs, trial.outcome.device, begin):
                raise DependentError(f"{model.name}: {reason}" if len(models) > 1 else reason)
            begin += len(known)
            names.append(f"{model.folder}/test_outputs.npy")
            folder.write(names[-1], npy(mixed.test(outputs)))
        return {"outputs": names}

    def _rows(self) -> Mixed:
        """Which rows the worker sees, and in what order. Raises SandboxError if it does not start."""
        _ = self._worker.hello
        assert self._mixed is not None
        return self._mixed

    def _opened(self) -> Worker:
        path = self.journal.folder.path
        place = self._ended.enter_context(tempfile.TemporaryDirectory(prefix="codegen-hpo-"))
        features = Path(place) / "rows"
        self._mixed = mix_rows(features, path / "test", self.bundles, self.held_out)
        return self.sandbox.open(features)
