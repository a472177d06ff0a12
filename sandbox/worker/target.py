"""Standardised targets: the transforms of a bundle's meta.json, applied and undone."""

from typing import Any

import torch
from torch import Tensor


class Transform:
    """`z = (f(y) - mean) / std`, one of the transforms of the bundle."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._formula: str = facts["formula"]
        self._scale: float = facts["scale"]
        self._mean: float = facts["mean"]
        self._std: float = facts["std"]
        self._low: float = facts["low"]
        self._high: float = facts["high"]

    def encode(self, y: Tensor) -> Tensor:
        """(rows,) float64 in the target's unit → (rows,) float64, standardised."""
        if self._formula == "log":
            y = torch.log(y)
        elif self._formula == "signed_log1p":
            y = torch.sign(y) * torch.log1p(y.abs() / self._scale)
        elif self._formula == "signed_sqrt":
            y = torch.sign(y) * torch.sqrt(y.abs())
        return (y - self._mean) / self._std

    def decode(self, z: Tensor) -> Tensor:
        """(rows,) float64, standardised → (rows,) float64 in the target's unit."""
        value = z.clamp(self._low, self._high) * self._std + self._mean
        if self._formula == "log":
            return torch.exp(value)
        if self._formula == "signed_log1p":
            return torch.sign(value) * torch.expm1(value.abs()) * self._scale
        if self._formula == "signed_sqrt":
            return torch.sign(value) * value.square()
        return value
