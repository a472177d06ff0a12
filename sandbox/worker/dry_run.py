"""The dry-run: builds the function at each point of its space and takes a few steps on a few rows."""

import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import settings as training_arguments
import torch
from bundle import Bundle, Features
from construct import Built, check_gradients, check_optimizer, construct, count_on_meta
from failure import ContractError, describe
from predict import predict
from training import Trainer

MAX_PARAMETERS = 200_000_000
_ROWS, _TIMED_ROWS = 64, 512
# at most so many steps are timed, and none is begun after this time; a small step that takes it is enough
_TIMED_STEPS, _TIMED_S = 3, 0.05

Function = Callable[..., object]
Stage = Callable[[str, int], None]


class Check(NamedTuple):
    """What is said of one point; `error` is empty when it works."""

    point: int
    parameters: int
    error: str
    rule: str
    line: int | None
    row_s: float = 0.0  # seconds of training for one row; 0 where the point failed


class _Measured(NamedTuple):
    """What a point that works costs."""

    parameters: int
    row_s: float = 0.0


class DryRun:
    """Checks points of one function; `stage` is told what is about to be tried."""

    def __init__(
        self, function: Function, bundle: Bundle, device: torch.device, seed: int, stage: Stage
    ) -> None:
        self._function, self._bundle, self._device = function, bundle, device
        self._seed, self._stage = seed, stage
        self._costs: dict[int, int] = {}  # of the points that work: a rank, not bytes

    def check(self, point: int, arguments: Mapping[str, Any]) -> Check:
        """Whether the function keeps the contract at this point."""
        return self._attempt(point, partial(self._small, point, arguments))

    def probe_memory(self, points: list[Mapping[str, Any]]) -> list[Check]:
        """The complaints of a step with a whole batch, at the first point and at the dearest one."""
        dearest = max(self._costs, key=self._costs.__getitem__, default=0)
        tried = [point for point in {0: None, dearest: None} if point in self._costs]
        checks = [self._attempt(point, partial(self._full, point, points[point])) for point in tried]
        return [check for check in checks if check.error]

    def _attempt(self, point: int, run: Callable[[], _Measured]) -> Check:
        try:
            parameters, row_s = run()
            return Check(point, parameters, "", "", None, row_s)
        except BaseException as error:  # the candidate may raise anything, SystemExit too
            failure = describe(error)
            return Check(point, 0, failure.error, failure.rule, failure.line)

    def _small(self, point: int, arguments: Mapping[str, Any]) -> _Measured:
        settings = training_arguments.read(arguments, self._bundle.default_transform)
        self._stage("construct", point)
        expected = count_on_meta(self._function, self._bundle, arguments)
        _check_size(expected or 0)
        built = construct(self._function, self._bundle, arguments, self._device, self._seed)
        _check_size(built.parameters)
        check_optimizer(built)
        self._stage("step", point)
        trainer = Trainer(built, self._bundle, settings, self._device, self._seed)
        rows = max(2, min(_ROWS, settings.batch_size))
        loss = trainer.try_step(rows).loss
        if not math.isfinite(loss):
            raise ContractError("loss", f"the loss of the first step is {loss}")
        check_gradients(built.model)
        self._stage("predict", point)
        # another batch size than in training, and a single row
        for count in (rows // 2 + 1, 1):
            self._check_outputs(built, count)
        self._stage("step", point)
        row_s = _row_seconds(trainer, rows, settings.batch_size)
        self._costs[point] = built.parameters * settings.batch_size
        return _Measured(built.parameters, row_s)

    def _full(self, point: int, arguments: Mapping[str, Any]) -> _Measured:
        settings = training_arguments.read(arguments, self._bundle.default_transform)
        built = construct(self._function, self._bundle, arguments, self._device, self._seed)
        self._stage("step", point)
        Trainer(built, self._bundle, settings, self._device, self._seed).try_step()
        return _Measured(built.parameters)

    def _check_outputs(self, built: Built, rows: int) -> None:
        num, cat = self._bundle.features("train", self._device)
        features = Features(num[:rows], cat[:rows])
        outputs = predict(built.model, features, self._bundle.kind, self._bundle.n_outputs)
        if not bool(torch.isfinite(outputs).all()):
            raise ContractError("loss", "an output after one step is not a finite number")


def _row_seconds(trainer: Trainer, small: int, batch_rows: int) -> float:
    """Seconds that a step takes for one row; a step on `small` rows was taken before.

    A quick function's is the shortest of a few on more rows, after one that warms up.
    """
    row_s, step_s = _timed(trainer, small)
    if step_s >= _TIMED_S:
        return row_s
    large = min(batch_rows, _TIMED_ROWS)
    trainer.try_step(large)
    found: list[float] = []
    began = time.perf_counter()
    while not found or (len(found) < _TIMED_STEPS and time.perf_counter() - began < _TIMED_S):
        found.append(_timed(trainer, large)[0])
    return min(found)


def _timed(trainer: Trainer, rows: int) -> tuple[float, float]:
    """Seconds for one row of a step on so many, and for the step."""
    start = time.perf_counter()
    tried = trainer.try_step(rows)
    step_s = time.perf_counter() - start
    return step_s / tried.rows, step_s


def _check_size(parameters: int) -> None:
    if parameters > MAX_PARAMETERS:
        raise ContractError(
            "size", f"the model has {parameters:,} parameters, at most {MAX_PARAMETERS:,} are allowed"
        )
