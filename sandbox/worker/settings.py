"""The training arguments: keywords of the candidate's function that the training loop reads as well."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from failure import ContractError

_EPOCHS, _STEPS = 100, 3000  # without max_epochs: whichever is longer
_PATIENCE_POINTS, _PATIENCE_STEPS = 16, 200  # the same for patience
_SCHEDULES = ("constant", "cosine", "onecycle")
_LOSSES = ("mse", "mae", "huber")
_TRANSFORMS = ("none", "log", "sqrt")
_PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """How to train. The defaults hold for a function that does not declare the name."""

    batch_size: int = 256
    max_epochs: int | None = None  # None: by the number of steps, see `epochs`
    patience: int | None = None  # epochs without a better inner loss; None: by steps and points
    lr_schedule: str = "constant"
    warmup_fraction: float = 0.0  # of all steps
    gradient_clip: float = 0.0  # norm over all parameters; 0 is off
    label_smoothing: float = 0.0
    ema_decay: float = 0.0  # 0 is off
    loss: str = "mse"  # regression only
    target_transform: str = "none"  # regression only
    precision: str = "float32"  # of the forward pass in training; weights and evaluation stay float32

    def epochs(self, steps: int) -> int:
        """The longest training, in epochs of `steps` steps: on a small table an epoch is only a few."""
        return self.max_epochs or max(_EPOCHS, math.ceil(_STEPS / steps))

    def patient(self, points: int, steps: int) -> int:
        """The points of the curve, of `steps` steps each, that may pass without a better inner loss.

        Args:
            points: of an epoch, by which `patience` counts.
        """
        if self.patience:
            return self.patience * points
        return max(_PATIENCE_POINTS, math.ceil(_PATIENCE_STEPS / steps))


def read(arguments: Mapping[str, Any], default_transform: str = "none") -> Settings:
    """The settings that a call's arguments name. Raises ContractError for a value that cannot be used."""
    values: dict[str, Any] = {"target_transform": default_transform}
    for field in fields(Settings):
        if field.name in arguments:
            check, expected = _CHECKS[field.name]
            value = arguments[field.name]
            if not check(value):
                raise ContractError("settings", f"{field.name} is {value!r:.80}, expected {expected}")
            values[field.name] = value
    return Settings(**values)


def used(settings: Settings, arguments: Mapping[str, Any]) -> list[str]:
    """One "name=value" for each training argument that the call gave."""
    names = [field.name for field in fields(Settings) if field.name in arguments]
    return [f"{name}={getattr(settings, name)}" for name in names]


def _number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _below_one(value: object) -> bool:
    return _number(value, 0.0, 1.0) and value != 1


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "batch_size": (_whole, "a whole number of at least 1"),
    "max_epochs": (_whole, "a whole number of at least 1"),
    "patience": (_whole, "a whole number of at least 1"),
    "lr_schedule": (lambda value: value in _SCHEDULES, f"one of {', '.join(_SCHEDULES)}"),
    "warmup_fraction": (_below_one, "a number in [0, 1)"),
    "gradient_clip": (lambda value: _number(value, 0.0, float("inf")), "a number of at least 0"),
    "label_smoothing": (_below_one, "a number in [0, 1)"),
    "ema_decay": (_below_one, "a number in [0, 1)"),
    "loss": (lambda value: value in _LOSSES, f"one of {', '.join(_LOSSES)}"),
    "target_transform": (lambda value: value in _TRANSFORMS, f"one of {', '.join(_TRANSFORMS)}"),
    "precision": (lambda value: value in _PRECISIONS, f"one of {', '.join(_PRECISIONS)}"),
}
