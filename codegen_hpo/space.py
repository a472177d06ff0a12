"""The search space of a function: its hyperparameters with type, range and default."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

Scalar = bool | int | float | str
Arguments = Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Float:
    """A real number in [low, high]; `log` searches its logarithm."""

    low: float
    high: float
    log: bool = False
    default: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number in [low, high], both included; `log` searches its logarithm."""

    low: int
    high: int
    log: bool = False
    default: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values; a boolean is `Choice((False, True))`."""

    options: tuple[Scalar, ...]
    default: Scalar | None = None
    description: str = ""


Dimension = Float | Int | Choice


def range_text(dimension: Dimension, shown: Callable[[Scalar], str], most: int = 12) -> str:
    """The values that a dimension may take, in words.

    Args:
        dimension: a range or options.
        shown: how one value is written.
        most: options that are named.
    """
    if isinstance(dimension, Choice):
        more = len(dimension.options) - most
        named = ", ".join(map(shown, dimension.options[:most]))
        return f"{named} and {more} more" if more > 0 else named
    log = ", log scale" if dimension.log else ""
    return f"{shown(dimension.low)} to {shown(dimension.high)}{log}"


_KINDS: dict[str, type[Float] | type[Int] | type[Choice]] = {"float": Float, "int": Int, "choice": Choice}


class Checked(NamedTuple):
    """What `Space.check` found: complete arguments, or one complaint a line."""

    arguments: dict[str, Scalar] | None
    complaints: tuple[str, ...]


def _refuse_bool(value: object) -> object:
    # pydantic's lax mode takes true as 1; a model that sends true for a number meant something else
    if isinstance(value, bool):
        raise ValueError("a number is expected, not a boolean")
    return value


def _exact_option(options: tuple[Scalar, ...]) -> BeforeValidator:
    """Python holds True == 1; a JSON reply does not mean one by the other."""

    def check(value: object) -> object:
        alike = [option for option in options if isinstance(option, bool) == isinstance(value, bool)]
        if value in options and value not in alike:
            raise ValueError(f"one of {list(options)} is expected")
        return value

    return BeforeValidator(check)


def _annotation(dimension: Dimension) -> Any:
    if isinstance(dimension, Choice):
        if len(dimension.options) == 2 and set(map(type, dimension.options)) == {bool}:
            return bool
        return Annotated[Literal[dimension.options], _exact_option(dimension.options)]
    number = int if isinstance(dimension, Int) else float
    return Annotated[number, BeforeValidator(_refuse_bool), Field(ge=dimension.low, le=dimension.high)]


class Space(Mapping[str, Dimension]):
    """Named dimensions, in the order of the function's signature."""

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self._dimensions = dict(dimensions)

    def __getitem__(self, name: str) -> Dimension:
        return self._dimensions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._dimensions)

    def __len__(self) -> int:
        return len(self._dimensions)

    def __repr__(self) -> str:
        return f"Space({self._dimensions!r})"

    def defaults(self) -> dict[str, Scalar]:
        """The arguments at which the function is called first."""
        return {name: _default(dimension) for name, dimension in self.items()}

    def check(self, proposal: object) -> Checked:
        """The proposal with defaults filled in and numbers converted, or why it cannot be used.

        `proposal` is what a model or a user sent: a mapping, or JSON text of one. Whole floats are taken
        for integers ("64.0"), booleans are not taken for numbers, NaN and unknown names are refused.
        """
        if isinstance(proposal, str | bytes):
            try:
                proposal = json.loads(proposal)
            except (ValueError, RecursionError) as error:
                return Checked(None, (f"the arguments are not JSON: {error}",))
        if not isinstance(proposal, Mapping):
            return Checked(None, (f"the arguments are {type(proposal).__name__}, expected a JSON object",))
        unknown = [name for name in proposal if name not in self._dimensions]
        complaints = [f"{name}: unknown argument; known: {', '.join(self)}" for name in map(str, unknown)]
        arguments = self.defaults()
        for name, value in proposal.items():
            if name not in self._dimensions:
                continue
            try:
                arguments[name] = self._adapters[name].validate_python(value)
            except ValidationError as error:
                reasons = "; ".join(detail["msg"] for detail in error.errors())
                complaints.append(f"{name}: {reasons} (got {value!r:.80})")
        return Checked(None if complaints else arguments, tuple(complaints))

    def corners(self) -> list[dict[str, Scalar]]:
        """The points that a dry-run visits: defaults, all numbers low, all high, each other option once.

        And each whole number at its high end alone: widths, depths and batches are what the cost depends on,
        and that of one cannot be told from that of another where all change together.
        """
        points = [self.defaults()]
        for end in ("low", "high"):
            ends = {name: getattr(d, end) for name, d in self.items() if not isinstance(d, Choice)}
            points.append(self.defaults() | ends)
        for name, dimension in self.items():
            if isinstance(dimension, Choice):
                points += [self.defaults() | {name: option} for option in dimension.options]
            elif isinstance(dimension, Int):
                points.append(self.defaults() | {name: dimension.high})
        return list({canonical(point): point for point in points}.values())

    def to_json(self) -> dict[str, Any]:
        """A plain mapping that `from_json` reads back."""
        return {name: {"kind": type(d).__name__.lower(), **asdict(d)} for name, d in self.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Space":
        """The space that `to_json` wrote."""
        dimensions: dict[str, Dimension] = {}
        for name, fields in data.items():
            values = {key: value for key, value in fields.items() if key != "kind"}
            if fields["kind"] == "choice":
                values["options"] = tuple(values["options"])
            dimensions[name] = _KINDS[fields["kind"]](**values)
        return cls(dimensions)

    @cached_property
    def _adapters(self) -> dict[str, TypeAdapter[Any]]:
        finite = ConfigDict(allow_inf_nan=False)
        return {
            name: TypeAdapter(_annotation(d), config=None if isinstance(d, Choice) else finite)
            for name, d in self.items()
        }


def canonical(arguments: Arguments) -> str:
    """One text for one set of arguments, whatever their order: to find duplicates."""
    return json.dumps(dict(arguments), sort_keys=True)


def _default(dimension: Dimension) -> Scalar:
    if dimension.default is not None:
        return dimension.default
    if isinstance(dimension, Choice):
        return dimension.options[0]
    low, high = dimension.low, dimension.high
    middle = math.exp((math.log(low) + math.log(high)) / 2) if dimension.log else (low + high) / 2
    return round(middle) if isinstance(dimension, Int) else middle
