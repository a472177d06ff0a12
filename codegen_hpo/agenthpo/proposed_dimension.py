"""One hyperparameter of a space that a model proposes: read, and held against the value it is to vary.

What a model may not touch is refused by rule, not by asking it nicely: seeds, for a lucky one is no better
model, and text that is or becomes a path, for the script would write where the model says.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from codegen_hpo.sandbox.plain_text import plain
from codegen_hpo.space import Choice, Dimension, Float, Int, Scalar
from codegen_hpo.space_check import Unsound, checked_dimension

MOST_OPTIONS = 30
_DESCRIPTION = 300  # characters kept
_SEEDS = frozenset({"seed", "seeds", "randomstate", "rng"})
_PLACES = re.compile(
    r"paths?|dirs?|directory|folder|files?|filename|outputs?|out|save|ur[li]|host|command|cmd|root|logs?|logdir"
    r"|checkpoints?"
)
_OPTION = re.compile(r"[A-Za-z0-9_][\w .,+:()-]{0,59}")


class ProposedDimension(BaseModel):
    """A hyperparameter as the model sends it. Fields of another kind are passed over."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100)
    kind: Literal["float", "int", "choice", "bool"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    options: list[bool | int | float | str] = Field(default_factory=list, max_length=MOST_OPTIONS)
    description: str = ""


def dimension_of(proposed: ProposedDimension, base: Mapping[str, Scalar]) -> Dimension:
    """The dimension, whose default is the base value. Raises Unsound with what is wrong, for the model.

    Args:
        proposed: what the model sent; its name is known to be one of the configuration.
        base: the values of the configuration; a place of a command line has none.
    """
    value = base.get(proposed.name)
    require_tunable(proposed.name, value)
    dimension = checked_dimension(_as_sent(proposed, value), constants=False)
    if value is None:
        return dimension
    _require_kind(dimension, value)
    return _started(dimension, value)


def require_tunable(name: str, value: Scalar | None) -> None:
    """Raises Unsound for a value that no model may choose."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name.rpartition(".")[2])
    last = {word.lower() for word in words} | {"".join(words).lower()}
    if last & _SEEDS:
        raise Unsound("a seed is not tuned: another one is no better model; leave it out")
    text = value is None or (isinstance(value, str) and number_in(value) is None)
    if text and (any(map(_PLACES.fullmatch, last)) or re.search(r"[/\\]", str(value or ""))):
        raise Unsound("it names a file or a place and stays as it is; leave it out")


def _as_sent(proposed: ProposedDimension, value: Scalar | None) -> Dimension:
    said = " ".join(plain(proposed.description).split())[:_DESCRIPTION]
    if proposed.kind == "bool":
        return Choice((False, True), description=said)
    if proposed.kind == "choice":
        return Choice(_options(proposed.options, value), description=said)
    low, high = proposed.low, proposed.high
    if low is None or high is None:
        raise Unsound(f"low and high are needed for a {proposed.kind}")
    if proposed.kind == "float":
        return Float(low, high, log=proposed.log, description=said)
    if not all(math.isfinite(end) and end == int(end) for end in (low, high)):
        raise Unsound(f"low {low:g} and high {high:g} must be whole numbers for an int")
    return Int(int(low), int(high), log=proposed.log, description=said)


def _options(sent: Sequence[Scalar], value: Scalar | None) -> tuple[Scalar, ...]:
    """The options as values of the kind that the base value has; servers may send all of them as text."""
    options = tuple(_like(option, value, sent) for option in sent)
    strange = [option for option in options if isinstance(option, str) and not _OPTION.fullmatch(option)]
    if strange:
        raise Unsound(
            f"the option {strange[0]!r:.70} is no plain word: letters, digits, spaces and ._+:,()- up to 60"
        )
    return options


def _like(option: Scalar, value: Scalar | None, sent: Sequence[Scalar]) -> Scalar:
    """The option as a boolean or number, if the base value is one; without one, if all options can be."""
    if not isinstance(option, str) or (isinstance(value, str) and number_in(value) is None):
        return option
    if isinstance(value, bool):
        return {"true": True, "false": False}.get(option.lower(), option)
    if value is None and any(isinstance(other, str) and number_in(other) is None for other in sent):
        return option
    number = number_in(option)
    return option if number is None else number


def _require_kind(dimension: Dimension, value: Scalar) -> None:
    """Raises Unsound unless the script, which reads such a value now, can read what the dimension gives."""
    number = number_in(value)
    if isinstance(value, bool):
        fits = isinstance(dimension, Choice) and all(isinstance(o, bool) for o in dimension.options)
        wanted = "a bool"
    elif isinstance(dimension, Choice):
        kinds = (str,) if number is None else (int,) if isinstance(number, int) else (int, float)
        fits = all(isinstance(o, kinds) and not isinstance(o, bool) for o in dimension.options)
        wanted = "a choice of texts" if number is None else "a number, or a choice of numbers like it"
    elif isinstance(dimension, Float):
        # 0 and 1 are written for 0.0 and 1.0; 32 is not
        fits = isinstance(number, float) or number in (0, 1)
        wanted = "an int" if number is not None else "a choice of texts"
    else:
        fits = isinstance(number, int)
        wanted = "a float" if number is not None else "a choice of texts"
    if not fits:
        raise Unsound(f"the configuration has {value!r:.60} there: it must be {wanted}")


def _started(dimension: Dimension, value: Scalar) -> Dimension:
    """The dimension whose default is the base value. Raises Unsound if it does not hold it."""
    if isinstance(dimension, Choice):
        number = number_in(value)
        start = value if number is None or isinstance(value, bool) else number
        if not any(start == option for option in dimension.options):
            raise Unsound(f"the configuration's value {value!r:.60} must be among the options")
        return replace(dimension, default=start)
    number = number_in(value)
    assert number is not None  # or else its kind would not fit
    if not dimension.low <= number <= dimension.high:
        raise Unsound(
            f"the configuration's value {number:g} must lie inside {dimension.low:g} to {dimension.high:g}"
        )
    default: Any = float(number) if isinstance(dimension, Float) else number
    return replace(dimension, default=default)


def number_in(value: Scalar) -> int | float | None:
    """The finite number that a value is, or that its text reads as: YAML 1.1 takes 1e-3 for text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        for kind in (int, float):
            try:
                number = kind(value)
            except ValueError:
                continue
            return number if math.isfinite(number) else None
        return None
    return value if math.isfinite(value) else None
