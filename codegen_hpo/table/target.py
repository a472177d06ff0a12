"""The target as a network learns it, and back: standardised values, logits.

`export` copies this very file beside a model, so it needs Python 3.11 and numpy alone.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TRANSFORMS = ("none", "log", "sqrt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """z = (f(y) - mean) / std, with f named by `formula`; z is clipped to [low, high] before it is undone."""

    formula: str  # "identity", "log", "signed_log1p" or "signed_sqrt"
    scale: float  # of signed_log1p
    mean: float
    std: float
    low: float
    high: float

    def apply(self, y: Floats) -> Floats:
        """(rows,) float64, standardised."""
        return (_forward(self.formula, self.scale, y) - self.mean) / self.std

    def undo(self, z: Floats) -> Floats:
        """(rows,) float64 in the target's unit; NaN stays NaN."""
        return _back(self.formula, self.scale, np.clip(z, self.low, self.high) * self.std + self.mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCodec:
    """Turns what a network gives into predictions."""

    kind: str  # "regression", "binary" or "multiclass"
    default: str = "none"  # the transform used when the function declares none
    transforms: Mapping[str, Transform] | None = None  # regression only: by name, "none", "log", "sqrt"

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> "TargetCodec":
        """The codec in a bundle's meta.json."""
        target = meta["target"]
        if target is None:
            return cls(kind=meta["kind"])
        transforms = {name: Transform(**fields) for name, fields in target["transforms"].items()}
        return cls(kind=meta["kind"], default=target["default"], transforms=transforms)

    def to_meta(self) -> dict[str, Any] | None:
        """The entry "target" of meta.json."""
        if self.transforms is None:
            return None
        return {"default": self.default, "transforms": {n: asdict(t) for n, t in self.transforms.items()}}

    def decode(self, outputs: NDArray[np.float32], transform: str = "") -> Floats:
        """(rows,) values, or (rows, n_classes) probabilities; an empty `transform` means the default one.

        `outputs` is (rows, n_outputs) float32: standardised targets, or logits. What is not finite comes back
        as NaN and is for the caller to refuse.
        """
        z = outputs.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.kind == "regression":
                return (self.transforms or {})[transform or self.default].undo(z[:, 0])
            if self.kind == "binary":
                z = np.concatenate([np.zeros_like(z), z], axis=1)
            odds = np.exp(z - z.max(axis=1, keepdims=True))
            return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_codec(kind: str, y: NDArray[Any]) -> TargetCodec:
    """The codec fitted on training labels: (rows,) float64 values, or class codes, which need no fit."""
    if kind != "regression":
        return TargetCodec(kind=kind)
    positive = bool(y.min() > 0)
    log = _fit("log", 1.0, y) if positive else _fit("signed_log1p", _usual_size(y), y)
    transforms = {
        "none": _fit("identity", 1.0, y),
        "log": log,
        "sqrt": _fit("signed_sqrt", 1.0, y),
    }
    default = "log" if positive and _log_helps(y) else "none"
    return TargetCodec(kind=kind, default=default, transforms=transforms)


def _usual_size(y: Floats) -> float:
    """The median of what is not zero, but at least a billionth of the largest: y / size stays finite."""
    sizes = np.abs(y[y != 0])
    return max(float(np.median(sizes)), float(sizes.max()) * 1e-9) if len(sizes) else 1.0


def _log_helps(y: Floats) -> bool:
    """Whether y is strongly skewed and its logarithm is not: at least halved, and below 1."""
    skew, log_skew = _skewness(y), abs(_skewness(np.log(y)))
    return skew > 1.0 and log_skew < min(1.0, skew / 2)


def _skewness(values: Floats) -> float:
    centred = values - values.mean()
    spread = float(np.sqrt(np.mean(centred**2)))
    return float(np.mean((centred / spread) ** 3)) if spread > 0 else 0.0


def _fit(formula: str, scale: float, y: Floats) -> Transform:
    values = _forward(formula, scale, y)
    mean, std = float(values.mean()), float(values.std())
    std = std if std > 0 and np.isfinite(std) else 1.0
    low, high = (float(values.min()) - mean) / std, (float(values.max()) - mean) / std
    # how far a prediction may leave the range that was seen: a whole range as it stands, a quarter where the
    # way back magnifies it
    room = (high - low) * (1.0 if formula == "identity" else 0.25)
    return Transform(formula=formula, scale=scale, mean=mean, std=std, low=low - room, high=high + room)


def _forward(formula: str, scale: float, y: Floats) -> Floats:
    if formula == "log":
        return np.log(y)
    if formula == "signed_log1p":
        return np.sign(y) * np.log1p(np.abs(y) / scale)
    if formula == "signed_sqrt":
        return np.sign(y) * np.sqrt(np.abs(y))
    return y


def _back(formula: str, scale: float, values: Floats) -> Floats:
    if formula == "log":
        return np.exp(values)
    if formula == "signed_log1p":
        return np.sign(values) * np.expm1(np.abs(values)) * scale
    if formula == "signed_sqrt":
        return np.sign(values) * values**2
    return values
