"""The training loop: early stopping on the inner rows, best weights kept, stopped by NaN or the clock."""

import inspect
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from averaging import Average, Best
from batches import spans
from bundle import Bundle, Features, Rows
from construct import Built
from failure import NoFiniteEpochError
from losses import members, stopping_loss, training_loss
from predict import predict
from schedule import Schedule
from settings import Settings
from target import Transform
from torch import Tensor


class Limits(NamedTuple):
    """When a training ends, apart from its own arguments."""

    train_s: float
    stop_after_epoch: int | None


class Epoch(NamedTuple):
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


class Passed(NamedTuple):
    """One pass over the training rows, whole or cut by the clock."""

    loss: float  # mean over the rows seen, standardised
    whole: bool


class Trainer:
    """One training of one model. `fit` may be called once."""

    def __init__(
        self, built: Built, bundle: Bundle, settings: Settings, device: torch.device, seed: int
    ) -> None:
        self._built, self._settings, self._device = built, settings, device
        self._kind, self._n_outputs, self._stop_on = bundle.kind, bundle.n_outputs, bundle.stop_on
        transforms = bundle.target["transforms"] if bundle.target else None
        self._transform = Transform(transforms[settings.target_transform]) if transforms else None
        train = bundle.rows("train", device)
        self._train = train._replace(y=self._standardised(train.y))
        self._inner = bundle.rows("inner", device)
        self._loss = training_loss(bundle.kind, settings)
        self._generator = torch.Generator(device).manual_seed(seed)
        self._spans = spans(len(train.num), settings.batch_size)
        steps = sum(len(span.batches) for span in self._spans)
        self._epochs, self._patience = settings.epochs(steps), settings.patient(steps)
        self._schedule = Schedule(built.optimizer, settings, self._epochs * steps)
        self._average = Average(built.model, settings.ema_decay)
        self._parameters = [p for p in built.model.parameters() if p.requires_grad]
        self._step = _stepper(built.optimizer)

    def fit(self, limits: Limits) -> Fit:
        """Trains. Raises NoFiniteEpochError, and whatever the candidate's code raises."""
        started = time.monotonic()
        deadline = started + limits.train_s
        best, fit = Best(self._built.model), Fit()
        last = min(self._epochs, limits.stop_after_epoch or self._epochs)
        for number in range(1, last + 1):
            passed = self._pass(deadline)
            # a part of an epoch cannot be run again exactly: it counts only if there is nothing else
            if not passed.whole and fit.curve:
                fit.stopped = "time"
                break
            with self._average.applied():
                inner = self._inner_loss() if math.isfinite(passed.loss) else math.nan
                if not math.isfinite(inner):
                    fit.stopped = "nan"
                    break
                fit.curve.append(Epoch(passed.loss, inner, time.monotonic() - started))
                if inner < fit.best_loss:
                    fit.best_loss, fit.best_epoch = inner, number
                    best.keep()
            if time.monotonic() > deadline:
                fit.stopped = "time"
                break
            if number - fit.best_epoch >= self._patience:
                fit.stopped = "patience"
                break
        if not fit.curve:
            raise NoFiniteEpochError("the loss was not a finite number in the first epoch")
        best.restore()
        return fit

    def try_step(self, rows: int | None = None) -> float:
        """The loss of one step on the first `rows` training rows, or on a batch of full size."""
        self._built.model.train()
        _, stop = self._spans[0].batches[0]
        batch = Rows(*(part[: rows or stop].clone() for part in self._train))
        return float(self._train_on(batch))

    def _pass(self, deadline: float) -> Passed:
        self._built.model.train()
        order = torch.randperm(len(self._train.num), generator=self._generator, device=self._device)
        total = torch.zeros((), device=self._device)
        seen = 0
        for span in self._spans:
            # one gather a span, then slices that lie side by side in memory: twice as fast as a DataLoader
            picked = order[span.start : span.stop]
            shuffled = Rows(*(part.index_select(0, picked) for part in self._train))
            for start, stop in span.batches:
                if time.monotonic() > deadline and seen:
                    return Passed(float(total) / seen, whole=False)
                loss = self._train_on(Rows(*(part[start:stop] for part in shuffled)))
                total += loss * (stop - start)
                seen += stop - start
        return Passed(float(total) / seen, whole=True)

    def _train_on(self, batch: Rows) -> Tensor:
        """One step of the optimiser; the batch's loss, detached."""

        def closure() -> Tensor:
            self._built.optimizer.zero_grad(set_to_none=True)
            output = members(self._built.model(batch.num, batch.cat), len(batch.num), self._n_outputs)
            loss = self._loss(output, batch.y)
            loss.backward()  # type: ignore[no-untyped-call]
            if self._settings.gradient_clip:
                torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.gradient_clip)
            return loss

        self._schedule.advance()
        loss = self._step(closure)
        self._average.update()
        return loss.detach()

    def _inner_loss(self) -> float:
        features = Features(self._inner.num, self._inner.cat)
        output = predict(self._built.model, features, self._kind, self._n_outputs)
        return stopping_loss(output, self._inner.y, self._stop_on, self._transform)

    def _standardised(self, y: Tensor) -> Tensor:
        if self._transform is not None:
            return self._transform.encode(y).float()
        return y.float() if self._kind == "binary" else y


def _stepper(optimizer: torch.optim.Optimizer) -> Callable[[Callable[[], Tensor]], Tensor]:
    """How to take one step: optimisers that evaluate the loss several times, as LBFGS, want a closure."""
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        return lambda evaluate: torch.as_tensor(optimizer.step(evaluate))  # type: ignore[arg-type]

    def step(evaluate: Callable[[], Tensor]) -> Tensor:
        loss = evaluate()
        optimizer.step()
        return loss

    return step
