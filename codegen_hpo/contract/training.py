"""Arguments that the harness reads as well, when a function declares them (design, section 2)."""

from collections.abc import Mapping
from dataclasses import dataclass

from codegen_hpo.space import Choice, Dimension, Int


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber:
    """The harness reads an integer in [low, high]."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RealNumber:
    """The harness reads a number in [low, high]."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """The harness reads one of these words."""

    options: tuple[str, ...]


Meaning = WholeNumber | RealNumber | OneOf

TRAINING_ARGUMENTS: Mapping[str, Meaning] = {
    "batch_size": WholeNumber(low=1, high=1_000_000),
    "max_epochs": WholeNumber(low=1, high=100_000),
    "patience": WholeNumber(low=1, high=100_000),
    "lr_schedule": OneOf(options=("constant", "cosine", "onecycle")),
    "warmup_fraction": RealNumber(low=0.0, high=0.99),
    "gradient_clip": RealNumber(low=0.0, high=1e6),  # norm; 0 leaves gradients as they are
    "label_smoothing": RealNumber(low=0.0, high=0.99),
    "ema_decay": RealNumber(low=0.0, high=0.999999),  # 0: no averaging
    "loss": OneOf(options=("mse", "mae", "huber")),
    "target_transform": OneOf(options=("none", "log", "sqrt")),
    "precision": OneOf(options=("float32", "bfloat16")),  # of the forward pass in training
}


def training_complaint(name: str, dimension: Dimension) -> str:
    """Why `dimension` cannot be what the harness reads under `name`; empty when it can."""
    meaning = TRAINING_ARGUMENTS.get(name)
    if meaning is None:
        return ""
    if isinstance(meaning, OneOf):
        if isinstance(dimension, Choice) and set(dimension.options) <= set(meaning.options):
            return ""
        return (
            f"the harness reads {name}: its type must be Literal with options among {list(meaning.options)}"
        )
    whole = isinstance(meaning, WholeNumber)
    if isinstance(dimension, Choice):
        numbers = all(
            isinstance(option, int if whole else int | float)
            and not isinstance(option, bool)
            and meaning.low <= float(option) <= meaning.high
            for option in dimension.options
        )
    else:
        numbers = isinstance(dimension, Int) or not whole
        numbers = numbers and meaning.low <= dimension.low and dimension.high <= meaning.high
    if numbers:
        return ""
    kind = "int" if whole else "float"
    return (
        f"the harness reads {name}: it must be {kind} with a range inside [{meaning.low:g}, {meaning.high:g}]"
    )
