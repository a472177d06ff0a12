"""Copies of a model's weights: the moving average, and the best of a training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of the parameters; buffers are not averaged.

    The decay of step n is at most (1 + n) / (10 + n), so that the random start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._step = 0
        self._live: list[Tensor] = [p for p in model.parameters() if p.is_floating_point()] if decay else []
        self._mean = [p.detach().clone() for p in self._live]
        self._spare = [torch.empty_like(p) for p in self._mean]

    @torch.no_grad()
    def update(self) -> None:
        """Called after a step of the optimiser."""
        if self._live:
            self._step += 1
            decay = min(self._decay, (1 + self._step) / (10 + self._step))
            torch._foreach_lerp_(self._mean, self._live, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Puts the averaged weights into the model for the time of a `with` block."""
        _copy(self._spare, self._live)
        _copy(self._live, self._mean)
        try:
            yield
        finally:
            _copy(self._live, self._spare)


class Best:
    """The weights and buffers of the best epoch, kept in memory that is allocated once."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._kept = [tensor.detach().clone() for tensor in self._live()]

    def keep(self) -> None:
        """Takes the model's present state."""
        _copy(self._kept, self._live())

    def restore(self) -> None:
        """Gives the model the state that was kept."""
        _copy(self._live(), self._kept)

    def _live(self) -> list[Tensor]:
        # asked for anew each time: a module may put another tensor in a buffer's place
        return [*self._model.parameters(), *self._model.buffers()]


@torch.no_grad()
def _copy(to: list[Tensor], source: list[Tensor]) -> None:
    if to:
        torch._foreach_copy_(to, source)
