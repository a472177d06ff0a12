"""Copies of a model's weights: the moving average, and the best of a training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of the parameters; buffers are not averaged.

    The decay of step n is at most (1 + n) / (10 + n), so that the random start is soon forgotten.

    Args:
        decay: of a step; 0 for no average.
        weight_on: the device on which the weight of a step is kept as a tensor, as a recorded step needs it;
            None for a plain number.
    """

    def __init__(self, model: nn.Module, decay: float, weight_on: torch.device | None = None) -> None:
        self._decay = decay
        self._step = 0
        self._weight = 1.0  # of the present parameters in the average
        self._weight_tensor = torch.ones((), device=weight_on) if weight_on else None
        self._live: list[Tensor] = [p for p in model.parameters() if p.is_floating_point()] if decay else []
        self._mean = [p.detach().clone() for p in self._live]
        self._spare = [torch.empty_like(p) for p in self._mean]

    def advance(self) -> None:
        """Called before a step of the optimiser."""
        if not self._live:
            return
        self._step += 1
        weight = 1 - min(self._decay, (1 + self._step) / (10 + self._step))
        if weight != self._weight and self._weight_tensor is not None:
            self._weight_tensor.fill_(weight)
        self._weight = weight

    def update(self) -> None:
        """Called after the step."""
        if self._live:
            self._update()

    @torch.no_grad()
    def _update(self) -> None:
        if self._weight_tensor is None:
            torch._foreach_lerp_(self._mean, self._live, self._weight)
        else:
            change = torch._foreach_sub(self._live, self._mean)
            torch._foreach_mul_(change, self._weight_tensor)
            torch._foreach_add_(self._mean, change)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Puts the averaged weights into the model for the time of a `with` block."""
        copy(self._spare, self._live)
        copy(self._live, self._mean)
        try:
            yield
        finally:
            copy(self._live, self._spare)


class Best:
    """The weights and buffers of the best epoch, kept in memory that is allocated once."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._kept = [tensor.detach().clone() for tensor in self._live()]

    def keep(self) -> None:
        """Takes the model's present state."""
        copy(self._kept, self._live())

    def restore(self) -> None:
        """Gives the model the state that was kept."""
        copy(self._live(), self._kept)

    def _live(self) -> list[Tensor]:
        # asked for anew each time: a module may put another tensor in a buffer's place
        return [*self._model.parameters(), *self._model.buffers()]


@torch.no_grad()
def copy(to: list[Tensor], source: list[Tensor]) -> None:
    """Overwrites tensors with others of the same shapes."""
    if to:
        torch._foreach_copy_(to, source)
