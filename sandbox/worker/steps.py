"""One step of training: forward, loss, backward, clipping, the optimiser's step, averaging."""

import inspect
from collections.abc import Callable

import torch
from averaging import Average
from bundle import Rows
from construct import Built
from fused import fuse
from losses import Loss, checked
from schedule import Schedule
from settings import Settings
from torch import Tensor

_PRECISIONS = {"bfloat16": torch.bfloat16}


class Steps:
    """Takes the steps of one training, each on a batch that lies on the model's device.

    Nothing in here waits for the device: the losses are summed up there.
    """

    def __init__(
        self,
        built: Built,
        n_outputs: int,
        loss: Loss,
        settings: Settings,
        schedule: Schedule,
        average: Average,
        device: torch.device,
    ) -> None:
        self.model, self.optimizer = built.model, built.optimizer
        self.schedule, self.average = schedule, average
        self.device = device
        self.wants_closure = _wants_closure(built.optimizer)
        self.fused = False
        self._begun = False
        self._n_outputs, self._loss, self._clip = n_outputs, loss, settings.gradient_clip
        self._parameters = [p for p in built.model.parameters() if p.requires_grad]
        self._held = [p for group in built.optimizer.param_groups for p in group["params"]]
        self._zero_grad = _own_zero_grad(built.optimizer) or self._drop_gradients
        self._evaluate: Callable[[Rows], Tensor] = self._forward
        if precision := _PRECISIONS.get(settings.precision):
            self._evaluate = torch.autocast(device.type, precision)(self._forward)
        self._total = torch.zeros((), device=device)

    def take(self, batch: Rows) -> None:
        """One step on the batch."""
        self.advance()
        self.run(batch)

    def advance(self) -> None:
        """What changes from step to step: the rates and the weight in the average."""
        self.schedule.advance()
        self.average.advance()

    def run(self, batch: Rows) -> None:
        """The step itself, which a CUDA graph may record: it is the same work every time."""
        loss = self._step_with_closure(batch) if self.wants_closure else self._step(batch)
        self.average.update()
        self._total.add_(loss.detach(), alpha=len(batch.num))

    def collect(self) -> float:
        """The sum over rows of the losses since it was last asked for. Waits for the device."""
        total = float(self._total)
        self._total.zero_()
        return total

    def _step(self, batch: Rows) -> Tensor:
        loss = self._gradients(batch)
        if not self._begun:
            self._begun, self.fused = True, fuse(self.optimizer)
        self.optimizer.step()
        return loss

    def _step_with_closure(self, batch: Rows) -> Tensor:
        """For optimisers that evaluate the loss several times, as LBFGS."""
        return torch.as_tensor(self.optimizer.step(lambda: self._gradients(batch)))  # type: ignore[arg-type]

    def _gradients(self, batch: Rows) -> Tensor:
        self._zero_grad()
        loss = self._evaluate(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._clip:
            torch.nn.utils.clip_grad_norm_(self._parameters, self._clip)
        return loss

    def _drop_gradients(self) -> None:
        """What torch's own zero_grad does, without its bookkeeping for a profiler."""
        for p in self._held:
            p.grad = None

    def _forward(self, batch: Rows) -> Tensor:
        output = checked(self.model(batch.num, batch.cat), len(batch.num), self._n_outputs)
        return self._loss(output, batch.y)


def _own_zero_grad(optimizer: torch.optim.Optimizer) -> Callable[[], None] | None:
    """The optimiser's zero_grad if it is not the one that torch ships."""
    if "zero_grad" in vars(optimizer) or type(optimizer).zero_grad is not torch.optim.Optimizer.zero_grad:
        return optimizer.zero_grad
    return None


def _wants_closure(optimizer: torch.optim.Optimizer) -> bool:
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
