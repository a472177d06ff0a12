"""Switches an optimiser to the fused step that its class offers: one call for all parameters.

The classes of torch that have one keep the option `fused` in each parameter group.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

_DEVICES = ("cpu", "cuda")


def fuse(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the steps to come are fused by this call, made after the first gradients and before a step.

    Left alone is an optimiser whose class has no such step or a step of its own, one that was told how to go
    about it (`foreach`, `differentiable`, `fused`), and one with a parameter that does not fit.
    """
    groups = optimizer.param_groups
    if not steps_as_torch(optimizer) or not all(_undecided(group) for group in groups):
        return False
    if not all(_fits(p, optimizer.state.get(p, {})) for group in groups for p in group["params"]):
        return False
    for group in groups:
        group["fused"] = True
    return True


def steps_as_torch(optimizer: torch.optim.Optimizer) -> bool:
    """Whether `step` is the one that torch ships, in the class and in the object."""
    module: str = type(optimizer).step.__module__
    return module.startswith("torch.optim.") and "step" not in vars(optimizer)


def _undecided(group: dict[str, object]) -> bool:
    return "fused" in group and not any(group.get(name) for name in ("fused", "foreach", "differentiable"))


def _fits(p: Tensor, state: dict[str, object]) -> bool:
    """Whether a fused step can take the parameter: its kernels run over the memory of dense tensors."""
    if p.grad is None:  # its state would begin later than the others', which SGD with momentum cannot do
        return not p.requires_grad
    placed = all(tensor.device == p.device for tensor in _tensors(state))
    dense = p.grad.layout == torch.strided and p.grad.is_contiguous() and p.is_contiguous()
    return dense and placed and p.is_floating_point() and p.device.type in _DEVICES


def _tensors(state: dict[str, object]) -> Iterator[Tensor]:
    return (value for value in state.values() if isinstance(value, Tensor))
