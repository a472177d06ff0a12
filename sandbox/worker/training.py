"""The training loop: early stopping on the inner rows, best weights kept, stopped by NaN or the clock."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from averaging import Average, Best
from batches import Span, spans
from bundle import Bundle, Features, Rows
from construct import Built
from dropout import quicken
from failure import NoFiniteEpochError
from graph import GraphSteps
from losses import stopping_loss, training_loss
from predict import predict
from schedule import Schedule
from settings import Settings
from steps import Steps
from target import Transform
from torch import Tensor


class Limits(NamedTuple):
    """When a training ends, apart from its own arguments."""

    train_s: float
    stop_after_epoch: int | None  # a point of the curve
    prune: Mapping[int, float] = {}  # point of the curve → best inner loss so far above which it ends there


class Epoch(NamedTuple):
    """One point of the curve: a pass over the training rows, or a part of one on a large table."""

    train_loss: float
    inner_loss: float
    seconds: float  # since training began


@dataclass
class Fit:
    """What a training came to; the model holds the weights of `best_epoch`."""

    curve: list[Epoch] = field(default_factory=list)  # finite epochs only
    best_epoch: int = 0  # 1-based
    stopped: str = "epochs"
    best_loss: float = math.inf


class Tried(NamedTuple):
    """One step of a dry-run."""

    loss: float
    rows: int  # that there were


class Passed(NamedTuple):
    """The training up to a point of the curve, whole or cut by the clock."""

    loss: float  # mean over the rows seen, standardised
    whole: bool


class Trainer:
    """One training of one model. `fit` may be called once.

    Args:
        graphs: on a GPU, whether steps may come from a CUDA graph.
    """

    def __init__(
        self,
        built: Built,
        bundle: Bundle,
        settings: Settings,
        device: torch.device,
        seed: int,
        *,
        graphs: bool = True,
    ) -> None:
        self._built, self._device = built, device
        self._kind, self._n_outputs, self._stop_on = bundle.kind, bundle.n_outputs, bundle.stop_on
        transforms = bundle.target["transforms"] if bundle.target else None
        self._transform = Transform(transforms[settings.target_transform]) if transforms else None
        train = bundle.rows("train", device)
        self._train = train._replace(y=self._standardised(train.y))
        self._inner = bundle.rows("inner", device)
        self._generator = torch.Generator(device).manual_seed(seed)
        self._spans = spans(len(train.num), settings.batch_size)
        self._batch_rows = self._spans[0].sizes[0]
        steps = sum(len(span.sizes) for span in self._spans)
        points, passes = len(self._spans), settings.epochs(steps)
        self._points = passes * points
        self._patience = settings.patient(points, len(self._spans[0].sizes))
        schedule = Schedule(built.optimizer, settings, passes * steps)
        self._quick_dropout = device.type == "cpu" and quicken(built.model)
        graphs = graphs and device.type == "cuda"
        self._average = Average(built.model, settings.ema_decay, device if graphs else None)
        loss = training_loss(bundle.kind, settings)
        self._steps = Steps(built, bundle.n_outputs, loss, settings, schedule, self._average, device)
        self._graph = GraphSteps(self._steps, self._batch_rows) if graphs else None
        self._order = torch.empty(0, dtype=torch.int64, device=device)  # of the present pass

    def fit(self, limits: Limits, passed: Callable[[int, Epoch], None] = lambda *_: None) -> Fit:
        """Trains. Raises NoFiniteEpochError, and whatever the candidate's code raises.

        Args:
            passed: called with each finite point of the curve and its number.
        """
        started = time.monotonic()
        deadline = started + limits.train_s
        best, fit = Best(self._built.model), Fit()
        for number in range(1, min(self._points, limits.stop_after_epoch or self._points) + 1):
            part = self._train_to(number, deadline)
            # a part of an epoch cannot be run again exactly: it counts only if there is nothing else
            if not part.whole and fit.curve:
                fit.stopped = "time"
                break
            with self._average.applied():
                inner = self._inner_loss() if math.isfinite(part.loss) else math.nan
                if not math.isfinite(inner):
                    fit.stopped = "nan"
                    break
                fit.curve.append(Epoch(part.loss, inner, time.monotonic() - started))
                passed(number, fit.curve[-1])
                if inner < fit.best_loss:
                    fit.best_loss, fit.best_epoch = inner, number
                    best.keep()
            if stopped := self._stops(fit, limits.prune, deadline):
                fit.stopped = stopped
                break
        if not fit.curve:
            raise NoFiniteEpochError("the loss was not a finite number in the first epoch")
        best.restore()
        return fit

    def notes(self) -> list[str]:
        """What the loop chose by itself, for whoever reads the outcome."""
        told = []
        if len(self._spans) > 1:
            rows = self._spans[0].stop
            told.append(f"a point of the curve is {rows} rows, {len(self._spans)} points a pass")
        if self._steps.fused:
            told.append(f"fused steps of {type(self._built.optimizer).__name__}")
        if self._quick_dropout:
            told.append("dropout by 16 random bits a value")
        return [*told, self._graph.note()] if self._graph else told

    def try_step(self, rows: int | None = None) -> Tried:
        """One step on the first `rows` training rows, or on a batch of full size. Waits for the device."""
        self._built.model.train()
        batch = Rows(*(part[: rows or self._batch_rows].clone() for part in self._train))
        self._steps.take(batch)
        return Tried(self._steps.collect() / len(batch.num), len(batch.num))

    def _stops(self, fit: Fit, prune: Mapping[int, float], deadline: float) -> str:
        """Why training ends here; empty when it goes on. The clock, which no rerun repeats, comes last."""
        number = len(fit.curve)
        if fit.best_loss > prune.get(number, math.inf):
            return "pruned"
        if number - fit.best_epoch >= self._patience:
            return "patience"
        return "time" if time.monotonic() > deadline else ""

    def _train_to(self, number: int, deadline: float) -> Passed:
        """Trains up to the point of that number, counted from 1."""
        self._built.model.train()
        place = (number - 1) % len(self._spans)
        if place == 0:
            rows = len(self._train.num)
            self._order = torch.randperm(rows, generator=self._generator, device=self._device)
        span = self._spans[place]
        take = self._graph.take if self._graph else self._steps.take
        seen = 0
        for batch in self._batches(span):
            if time.monotonic() > deadline and seen:
                return Passed(self._steps.collect() / seen, whole=False)
            take(batch)
            seen += len(batch.num)
        return Passed(self._steps.collect() / seen, whole=True)

    def _batches(self, span: Span) -> Iterator[Rows]:
        # one gather, then pieces that lie side by side in memory: two to four times as fast as a DataLoader
        picked = self._order[span.start : span.stop]
        return map(Rows, *(part.index_select(0, picked).split(span.sizes) for part in self._train))

    def _inner_loss(self) -> float:
        features = Features(self._inner.num, self._inner.cat)
        output = predict(self._built.model, features, self._kind, self._n_outputs)
        return stopping_loss(output, self._inner.y, self._stop_on, self._transform)

    def _standardised(self, y: Tensor) -> Tensor:
        if self._transform is not None:
            return self._transform.encode(y).float()
        return y.float() if self._kind == "binary" else y
