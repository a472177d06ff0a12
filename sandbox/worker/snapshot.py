"""The state of a training, kept to go back to it."""

import torch
from averaging import copy
from torch import Tensor, nn


class Snapshot:
    """Copies of a model's weights and buffers, of its optimiser's state and of the CPU's generator.

    The state is given back in place, to the same tensors: others may hold on to them.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._tensors = [*model.parameters(), *model.buffers(), *_state_tensors(optimizer)]
        self._kept = [tensor.detach().clone() for tensor in self._tensors]
        self._generator = torch.get_rng_state()

    def restore(self) -> None:
        """Gives back what was kept; gradients are dropped."""
        with torch.no_grad():
            copy(self._tensors, self._kept)
        torch.set_rng_state(self._generator)
        self._optimizer.zero_grad(set_to_none=True)


def _state_tensors(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    states = [optimizer.state.get(p, {}) for group in optimizer.param_groups for p in group["params"]]
    return [value for state in states for value in state.values() if isinstance(value, Tensor)]
