"""A model that predicts again and again: loaded once, in a sandbox."""

import os
import tempfile
import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codegen_hpo.errors import SandboxError
from codegen_hpo.predict import require_sources
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Sandbox, Worker
from codegen_hpo.table.encoding import Encoded
from codegen_hpo.trained_model import Floats, TrainedModel

_PIECE_CELLS = 1 << 22  # encoded numbers, and predicted ones, that one job takes
_LOAD_S = 60.0
_PREDICT_S = 60.0


class LoadedModel:
    """A trained model in a worker of a sandbox, which is opened at the first prediction.

    It can be used from several threads. A copy, or one that is unpickled, has a worker of its own; so has a
    forked process. The worker ends with `close`, with the object, or with this process.

    Args:
        trained: the model.
        find_sandbox: called when a worker is needed; it must be picklable if the object is to be.
        threads: of a prediction.
    """

    def __init__(
        self, trained: TrainedModel, find_sandbox: Callable[[], Sandbox], *, threads: int = 1
    ) -> None:
        self.trained = trained
        self._find_sandbox, self._threads = find_sandbox, threads
        self._encoding = trained.read_encoding()
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._process = os.getpid()
        self._end: Callable[[], object] = lambda: None

    def __reduce__(self) -> tuple[Any, ...]:
        return _loaded_model, (self.trained, self._find_sandbox, self._threads)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame must have."""
        return self._encoding.sources

    def predict(self, frame: pd.DataFrame) -> Floats:
        """(rows,) values in the target's unit, or (rows, n_classes) probabilities.

        A row's prediction is the same to the bit, whatever rows come with it.

        Raises:
            DataError: a column is missing.
            SandboxError: the model could not be executed.
        """
        require_sources(self._encoding, frame)
        encoded = self._encoding.transform(frame)
        width = len(self.trained.networks) * self.trained.n_outputs
        size = max(1, _PIECE_CELLS // (width + encoded.x_num.shape[1] + encoded.x_cat.shape[1]))
        pieces = [
            Encoded(encoded.x_num[start : start + size], encoded.x_cat[start : start + size])
            for start in range(0, len(encoded.x_num), size)
        ]
        with self._lock:
            outputs = [self._outputs(piece) for piece in pieces]
        return self.trained.decode(np.concatenate(outputs) if outputs else np.empty((0, width), np.float32))

    @property
    def is_open(self) -> bool:
        """Whether a worker has loaded it. Nothing is waited for, not even a prediction under way."""
        return self._worker is not None and self._process == os.getpid()

    def open(self) -> None:
        """Loads the model, if it is not: raises SandboxError now, and not at the first prediction."""
        with self._lock:
            self._opened()

    def close(self) -> None:
        """Ends the worker. May be called twice; a next prediction opens another one."""
        self._worker = None
        self._end()

    def _outputs(self, rows: Encoded) -> NDArray[np.float32]:
        worker = self._opened()
        outcome = worker.run(self._job(rows))
        if outcome.status != "ok" and self._worker is worker:
            # it died meanwhile, and was not closed; a model that cannot predict fails again
            self.close()
            outcome = self._opened().run(self._job(rows))
        if outcome.outputs is None:
            raise _failed("predict", outcome)
        return outcome.outputs

    def _job(self, rows: Encoded) -> Job:
        return Job(kind="rows", rows=rows, threads=self._threads, timeout_s=_PREDICT_S)

    def _opened(self) -> Worker:
        if self._worker is None or self._process != os.getpid():
            self._process = os.getpid()
            self._worker, self._end = self._open_worker()
        return self._worker

    def _open_worker(self) -> tuple[Worker, Callable[[], object]]:
        with ExitStack() as stack:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="codegen-hpo-"))
            features = Path(place) / "rows"
            n_numeric, n_categorical = self.trained.meta["n_numeric"], len(self.trained.meta["cardinalities"])
            self.trained.write_bundle(
                features, np.empty((0, n_numeric), np.float32), np.empty((0, n_categorical), np.int64)
            )
            worker = self._find_sandbox().open(features)
            stack.callback(worker.close)
            networks = self.trained.networks
            outcome = worker.run(
                Job(kind="load", networks=networks, threads=self._threads, timeout_s=_LOAD_S + len(networks))
            )
            if outcome.status != "ok":
                raise _failed("be loaded", outcome)
            return worker, weakref.finalize(self, _end, stack.pop_all(), os.getpid())


def _end(opened: ExitStack, process: int) -> None:
    """Ends what is open; a fork of the process leaves it alone."""
    if os.getpid() == process:
        opened.close()


def _failed(what: str, outcome: Outcome) -> SandboxError:
    return SandboxError(
        f"the model cannot {what}: {outcome.status} in {outcome.stage or 'the worker'}: {outcome.error}",
        hint="weights and code are kept in the run; codegen-hpo rerun tells whether it still trains",
    )


def _loaded_model(trained: TrainedModel, find_sandbox: Callable[[], Sandbox], threads: int) -> LoadedModel:
    return LoadedModel(trained, find_sandbox, threads=threads)
