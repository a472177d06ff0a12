"""What a space that a person wrote must hold to: in Python, in a file, or brought from another library."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Choice, Dimension, Float, Int, Space

_MAX_NAME = 100  # characters
_MAX_INT = 2**53  # tuners and JSON hold whole numbers as floats, which are exact up to here
_FORMS = 'Float(1e-5, 0.1, log=True), Int(16, 512) or Choice(("a", "b"))'


class Unsound(ValueError):  # noqa: N818 - a complaint about one dimension, which its reader completes
    """What is wrong with a dimension, in words that follow its name."""


def checked_space(dimensions: object, where: str = "the space", *, constants: bool = True) -> Space:
    """The space of these dimensions, with whole floats of an `Int` as integers.

    Args:
        dimensions: a Space, or a mapping of names to Float, Int and Choice.
        where: the file that holds them, for the message.
        constants: whether a dimension may have a single value. In a file it is a slip of the pen.

    Raises:
        ConfigError: something in it is wrong; every mistake is named.
    """
    if not isinstance(dimensions, Mapping):
        raise ConfigError(
            f"{where} is {type(dimensions).__name__}, expected names with what each may be",
            hint=f'for example {{"rate": {_FORMS.partition(",")[0]}, …}}',
        )
    sound: dict[str, Dimension] = {}
    complaints = []
    for name, dimension in dimensions.items():
        try:
            sound[_checked_name(name)] = checked_dimension(dimension, constants=constants)
        except Unsound as error:
            shown = name if str(name).isprintable() else repr(name)
            complaints.append(f"{where}, {shown}: {error}")
    if complaints:
        raise ConfigError(
            "\n".join(complaints), hint=f"write each as {_FORMS}" if where == "the space" else ""
        )
    if all(is_constant(dimension) for dimension in sound.values()):
        raise ConfigError(f"{where} holds nothing to tune", hint="give it at least one argument to choose")
    return Space(sound)


def checked_dimension(dimension: object, *, constants: bool = True) -> Dimension:
    """The dimension, its numbers of the right type. Raises Unsound."""
    if isinstance(dimension, Choice):
        sound: Dimension = _choice(dimension)
    elif isinstance(dimension, Float | Int):
        sound = _range(dimension)
    else:
        raise Unsound(f"it is {dimension!r:.60}, expected Float, Int or Choice")
    if not isinstance(sound.description, str):
        raise Unsound(f"its description is {sound.description!r:.60}, expected text")
    _require_writable("its description", sound.description)
    if not constants and is_constant(sound):
        raise Unsound("it has a single value: take it out of the space, and give it to the command itself")
    return sound


def is_constant(dimension: Dimension) -> bool:
    """Whether there is nothing to choose."""
    if isinstance(dimension, Choice):
        return len(dimension.options) == 1
    return dimension.low == dimension.high


def _require_writable(what: str, text: str) -> None:
    """Raises Unsound for text that no command line, or no file, can hold."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Unsound(f"{what} {text!r:.60} holds a NUL or half a surrogate pair")


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise Unsound(f"its name is {type(name).__name__}, expected text")
    usable = name.isprintable() and not any(c.isspace() or c in "{}\"'=" for c in name)
    if not name or not usable or name.startswith("-") or len(name) > _MAX_NAME:
        raise Unsound(
            "its name cannot be that of an argument: "
            f"no spaces, quotes, braces or =, no leading -, at most {_MAX_NAME} characters"
        )
    return name


def _range(dimension: Float | Int) -> Float | Int:
    if not isinstance(dimension.log, bool):
        raise Unsound(f"log is {dimension.log!r:.60}, expected true or false")
    low, high = (_number(dimension, end, getattr(dimension, end)) for end in ("low", "high"))
    if low > high:
        raise Unsound(f"low {low:g} is above high {high:g}")
    if dimension.log and low <= 0:
        raise Unsound(f"low is {low:g}: a log scale needs low above 0")
    default: Any = None
    if dimension.default is not None:
        default = _number(dimension, "default", dimension.default)
        if not low <= default <= high:
            raise Unsound(f"default {default:g} is outside of {low:g} to {high:g}")
    return replace(dimension, low=low, high=high, default=default)


def _number(dimension: Float | Int, what: str, value: object) -> Any:
    """The value as the dimension's type has it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unsound(f"{what} is {value!r:.60}, expected a number")
    if not abs(value) <= 1e300:  # NaN, too
        raise Unsound(f"{what} is {value!r:.60}, expected a number of ordinary size")
    if isinstance(dimension, Float):
        return float(value)
    if abs(value) > _MAX_INT:
        raise Unsound(f"{what} is {value:g}, but an Int lies within 2**53 of 0; beyond, floats skip numbers")
    if value != int(value):
        raise Unsound(f"{what} is {value:g}, but an Int has whole numbers; a Float has others")
    return int(value)


def _choice(dimension: Choice) -> Choice:
    if isinstance(dimension.options, str) or not isinstance(dimension.options, tuple | list):
        raise Unsound(f"its options are {dimension.options!r:.60}, expected a list of values")
    options = tuple(dimension.options)
    if not options:
        raise Unsound("it has no options")
    for option in options:
        if not isinstance(option, bool | int | float | str):
            raise Unsound(f"the option {option!r:.60} is neither text, number nor boolean")
        if isinstance(option, float) and not math.isfinite(option):
            raise Unsound(f"the option {option!r} is not finite")
        if isinstance(option, str):
            _require_writable("the option", option)
    # Python holds 1, 1.0 and True to be equal: an answer could not say which of them is meant
    twice = [option for place, option in enumerate(options) if option in options[:place]]
    if twice:
        raise Unsound(f"the option {twice[0]!r:.60} is there twice")
    default = dimension.default
    if default is not None:
        alike = (o for o in options if o == default and isinstance(o, bool) == isinstance(default, bool))
        default = next(alike, None)
        if default is None:
            raise Unsound(
                f"default {dimension.default!r:.60} is not among its options {list(options)!r:.200}"
            )
    return replace(dimension, options=options, default=default)
