"""The learning rate over a training: a factor on each parameter group's own rate."""

import math
from typing import Any

import torch
from settings import Settings

# Smith and Topin, "Super-Convergence" (arXiv 1708.07120), with the shape of torch's OneCycleLR: the rate
# the optimiser was given is the peak
_ONECYCLE_START, _ONECYCLE_END, _ONECYCLE_RISE = 0.04, 4e-6, 0.3


def factor(step: int, steps: int, schedule: str, warmup_fraction: float) -> float:
    """The factor for `step`, counted from 0, of `steps`."""
    if schedule == "onecycle":
        rise = (warmup_fraction or _ONECYCLE_RISE) * steps
        if step < rise:
            return _anneal(_ONECYCLE_START, 1.0, step / rise)
        return _anneal(1.0, _ONECYCLE_END, (step - rise) / max(1.0, steps - rise))
    rise = warmup_fraction * steps
    if step < rise:
        return (step + 1) / (rise + 1)  # never 0: the first step counts
    if schedule == "cosine":
        return _anneal(1.0, 0.0, (step - rise) / max(1.0, steps - rise))
    return 1.0


def _anneal(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


class Schedule:
    """Sets the rates of an optimiser before each of its steps."""

    def __init__(self, optimizer: torch.optim.Optimizer, settings: Settings, steps: int) -> None:
        self._name, self._warmup, self._steps = settings.lr_schedule, settings.warmup_fraction, steps
        self._step = 0
        self.varies = settings.lr_schedule != "constant" or bool(settings.warmup_fraction)
        groups = [group for group in optimizer.param_groups if "lr" in group] if self.varies else []
        self._groups: list[tuple[dict[str, Any], float]] = [(group, float(group["lr"])) for group in groups]

    def advance(self) -> None:
        """Called before a step."""
        if not self.varies:
            return
        scale = factor(self._step, self._steps, self._name, self._warmup)
        for group, peak in self._groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(peak * scale)
            else:
                group["lr"] = peak * scale
        self._step += 1
