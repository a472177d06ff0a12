"""Reads one hyperparameter's annotation and default as a dimension of the space."""

import ast
import math
from typing import NamedTuple

from codegen_hpo.contract.literals import MAX_NUMBER, UnreadableError, literal, written
from codegen_hpo.contract.names import Names
from codegen_hpo.space import Choice, Dimension, Float, Int, Scalar

MAX_OPTIONS = 50
MAX_OPTION = 100  # characters

FORMS = 'Annotated[int, low, high], Annotated[float, low, high, "log"], Literal["a", "b"] or bool'


class Read(NamedTuple):
    """The dimension, or what is wrong with its declaration and what to write."""

    dimension: Dimension | None
    complaint: str = ""
    hint: str = ""


def read_dimension(annotation: ast.expr | None, default: ast.expr | None, names: Names) -> Read:
    """The dimension that `annotation` and `default` declare, without a description."""
    try:
        if annotation is None:
            raise UnreadableError("it has no type annotation")
        dimension = _dimension(annotation, names)
        if default is None:
            raise UnreadableError(
                "it has no default", "give it a default inside its range: a good first guess"
            )
        return Read(_with_default(dimension, literal(default, names.constants)))
    except UnreadableError as error:
        return Read(None, error.complaint, error.hint or f"write one of: {FORMS}")


def _dimension(annotation: ast.expr, names: Names) -> Dimension:
    if isinstance(annotation, ast.Name) and annotation.id in names.annotations:
        annotation = names.annotations[annotation.id]
    if names.full(annotation) == "bool":
        return Choice((False, True))
    if isinstance(annotation, ast.Subscript):
        form = names.full(annotation.value)
        inside = annotation.slice
        parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        if form == "typing.Annotated":
            return _range(parts, names)
        if form == "typing.Literal":
            return _choice(parts, names)
    raise _unreadable(annotation, names)


def _unreadable(annotation: ast.expr, names: Names) -> UnreadableError:
    """Why the annotation declares no dimension, and what to write in its place."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return UnreadableError("its annotation is a string", "write the annotation without quotes")
    shown = written(annotation)
    if shown in {"int", "float"}:
        hint = f'write Annotated[{shown}, low, high] or Annotated[{shown}, low, high, "log"]'
        return UnreadableError(f"its type {shown} has no range", hint)
    if shown == "str":
        return UnreadableError("its type is str", 'name the options: Literal["a", "b"]')
    if shown.startswith(("Annotated[", "Literal[")):
        word = shown.partition("[")[0]
        return UnreadableError(f"{word} is not imported from typing", f"from typing import {word}")
    if "Optional" in shown or "None" in shown:
        hint = "None is no value here: let a number (0) or a word mean it; write one of: " + FORMS
        return UnreadableError(f"its type is {shown}", hint)
    if isinstance(annotation, ast.Name) and annotation.id not in names.imports:
        return UnreadableError(f"its type is {shown}", f"write the annotation itself here, one of: {FORMS}")
    return UnreadableError(f"its type is {shown}")


def _range(parts: list[ast.expr], names: Names) -> Dimension:
    kind = names.full(parts[0])
    if kind not in {"int", "float"}:
        raise UnreadableError(f"Annotated begins with {written(parts[0])}, expected int or float")
    if len(parts) not in {3, 4}:
        hint = f'write Annotated[{kind}, low, high] or Annotated[{kind}, low, high, "log"]'
        if len(parts) > 4:
            hint += "; what it does stands in the docstring's Args: section"
        raise UnreadableError(f"it has {len(parts) - 1} entries after {kind}", hint)
    log = len(parts) == 4 and _is_log(parts[3], names)
    low, high = (
        _number(part, kind, end, names) for part, end in zip(parts[1:3], ("low", "high"), strict=True)
    )
    if low >= high:
        raise UnreadableError(f"its range is [{low:g}, {high:g}]", "low must be below high")
    if log and low <= 0:
        raise UnreadableError(
            f"its range starts at {low:g} with a log scale", "a log scale needs low above 0"
        )
    if kind == "int":
        return Int(int(low), int(high), log)
    return Float(float(low), float(high), log)


def _is_log(part: ast.expr, names: Names) -> bool:
    """What the fourth entry says: "log", or "linear", which is the scale without an entry."""
    shown = written(part)
    try:
        value = literal(part, names.constants)
    except UnreadableError:
        value = None
    if value not in ("log", "linear"):
        complaint = f'the fourth entry is {shown}, expected "log" or nothing'
        raise UnreadableError(complaint, 'write "log" for a log scale, or leave the entry out')
    return value == "log"


def _number(part: ast.expr, kind: str, end: str, names: Names) -> int | float:
    value = literal(part, names.constants)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableError(f"the {end} end of its range is {written(part)}", "write a number")
    return _finite(value, kind, f"the {end} end of its range")


def _finite(value: int | float, kind: str, what: str) -> int | float:
    if (isinstance(value, int) and abs(value) > MAX_NUMBER) or not math.isfinite(value):
        raise UnreadableError(f"{what} is {value!s:.30}", "write a number of ordinary size")
    if kind == "int" and value != int(value):
        raise UnreadableError(f"{what} is {value:g}, but its type is int", "write a whole number")
    return value


def _choice(parts: list[ast.expr], names: Names) -> Choice:
    if len(parts) > MAX_OPTIONS:
        hint = "keep the options that matter, or write a range"
        raise UnreadableError(f"Literal has {len(parts)} options, at most {MAX_OPTIONS} are read", hint)
    options = tuple(literal(part, names.constants) for part in parts)
    for part, option in zip(parts, options, strict=True):
        if isinstance(option, str) and not (option.isprintable() and len(option) <= MAX_OPTION):
            raise UnreadableError(
                f"the option {written(part)} is long or holds control characters", "use a word"
            )
        if isinstance(option, int | float) and not isinstance(option, bool):
            _finite(option, "float", "an option")
    # Python holds 1, 1.0 and True to be equal: a reply could not say which of them is meant
    if len(set(options)) < len(options):
        raise UnreadableError(f"Literal repeats an option: {list(options)!r:.120}", "name each option once")
    return Choice(options)


def _with_default(dimension: Dimension, default: Scalar) -> Dimension:
    if isinstance(dimension, Choice):
        # 0 stands for 0.0, but never for False
        alike = (o for o in dimension.options if isinstance(o, bool) == isinstance(default, bool))
        option = next((option for option in alike if option == default), None)
        if option is None:
            complaint = f"its default {default!r:.60} is not among {list(dimension.options)!r:.200}"
            raise UnreadableError(complaint, "take one of the options as default, or add it to them")
        return Choice(dimension.options, option)
    if isinstance(default, bool | str):
        raise UnreadableError(f"its default is {default!r:.60}, expected a number")
    kind = "int" if isinstance(dimension, Int) else "float"
    value = _finite(default, kind, "its default")
    if not dimension.low <= value <= dimension.high:
        got = f"its default {value:g} is outside [{dimension.low:g}, {dimension.high:g}]"
        raise UnreadableError(got, "move the default or widen the range")
    if isinstance(dimension, Int):
        return Int(dimension.low, dimension.high, dimension.log, int(value))
    return Float(dimension.low, dimension.high, dimension.log, float(value))
