"""Reads one hyperparameter's annotation and default as a dimension of the space."""

import ast
import math
from collections.abc import Mapping
from typing import NamedTuple

from codegen_hpo.space import Choice, Dimension, Float, Int, Scalar

MAX_OPTIONS = 50
MAX_OPTION = 100  # characters
MAX_NUMBER = 2**53  # larger integers are not exact in JSON readers and in Optuna's floats

FORMS = 'Annotated[int, low, high], Annotated[float, low, high, "log"], Literal["a", "b"] or bool'


class Read(NamedTuple):
    """The dimension, or what is wrong with its declaration and what to write."""

    dimension: Dimension | None
    complaint: str = ""
    hint: str = ""


class _UnreadableError(Exception):
    """A part of a declaration that does not have the form; carries complaint and hint to `read_dimension`."""

    def __init__(self, complaint: str, hint: str = "") -> None:
        super().__init__(complaint)
        self.complaint = complaint
        self.hint = hint or f"write one of: {FORMS}"


def read_dimension(annotation: ast.expr | None, default: ast.expr | None, aliases: Mapping[str, str]) -> Read:
    """The dimension that `annotation` and `default` declare, without a description.

    `aliases` says what names of the file stand for: {"t": "typing", "Annotated": "typing.Annotated"}.
    """
    try:
        if annotation is None:
            raise _UnreadableError("it has no type annotation")
        dimension = _dimension(annotation, aliases)
        if default is None:
            raise _UnreadableError(
                "it has no default", "give it a default inside its range: a good first guess"
            )
        return Read(_with_default(dimension, _literal(default)))
    except _UnreadableError as error:
        return Read(None, error.complaint, error.hint)


def _dimension(annotation: ast.expr, aliases: Mapping[str, str]) -> Dimension:
    if _full_name(annotation, aliases) == "bool":
        return Choice((False, True))
    if isinstance(annotation, ast.Subscript):
        form = _full_name(annotation.value, aliases)
        inside = annotation.slice
        parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        if form == "typing.Annotated":
            return _range(parts, aliases)
        if form == "typing.Literal":
            return _choice(parts)
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        raise _UnreadableError("its annotation is a string", "write the annotation without quotes")
    written = _written(annotation)
    if written in {"int", "float"}:
        raise _UnreadableError(f"its type {written} has no range", f"write Annotated[{written}, low, high]")
    if written.startswith(("Annotated[", "Literal[")):
        raise _UnreadableError(
            f"{written.partition('[')[0]} is not imported from typing", "from typing import …"
        )
    raise _UnreadableError(f"its type is {written}")


def _range(parts: list[ast.expr], aliases: Mapping[str, str]) -> Dimension:
    kind = _full_name(parts[0], aliases)
    if kind not in {"int", "float"}:
        raise _UnreadableError(f"Annotated begins with {_written(parts[0])}, expected int or float")
    if len(parts) not in {3, 4}:
        got = f"it has {len(parts) - 1} entries after {kind}"
        raise _UnreadableError(
            got, f'write Annotated[{kind}, low, high] or Annotated[{kind}, low, high, "log"]'
        )
    log = False
    if len(parts) == 4:
        if _literal(parts[3]) != "log":
            raise _UnreadableError(f'the fourth entry is {_written(parts[3])}, expected "log" or nothing')
        log = True
    low, high = (_number(part, kind, end) for part, end in zip(parts[1:3], ("low", "high"), strict=True))
    if low >= high:
        raise _UnreadableError(f"its range is [{low:g}, {high:g}]", "low must be below high")
    if log and low <= 0:
        raise _UnreadableError(
            f"its range starts at {low:g} with a log scale", "a log scale needs low above 0"
        )
    if kind == "int":
        return Int(int(low), int(high), log)
    return Float(float(low), float(high), log)


def _number(part: ast.expr, kind: str, end: str) -> int | float:
    value = _literal(part)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _UnreadableError(f"the {end} end of its range is {_written(part)}", "write a number")
    return _finite(value, kind, f"the {end} end of its range")


def _finite(value: int | float, kind: str, what: str) -> int | float:
    if (isinstance(value, int) and abs(value) > MAX_NUMBER) or not math.isfinite(value):
        raise _UnreadableError(f"{what} is {value!s:.30}", "write a number of ordinary size")
    if kind == "int" and value != int(value):
        raise _UnreadableError(f"{what} is {value:g}, but its type is int", "write a whole number")
    return value


def _choice(parts: list[ast.expr]) -> Choice:
    options = tuple(_literal(part) for part in parts)
    if len(options) > MAX_OPTIONS:
        raise _UnreadableError(f"Literal has {len(options)} options, at most {MAX_OPTIONS} are read")
    for part, option in zip(parts, options, strict=True):
        if isinstance(option, str) and not (option.isprintable() and len(option) <= MAX_OPTION):
            raise _UnreadableError(
                f"the option {_written(part)} is long or holds control characters", "use a word"
            )
        if isinstance(option, int | float) and not isinstance(option, bool):
            _finite(option, "float", "an option")
    # Python holds 1, 1.0 and True to be equal: a reply could not say which of them is meant
    if len(set(options)) < len(options):
        raise _UnreadableError(f"Literal repeats an option: {list(options)!r:.120}", "name each option once")
    return Choice(options)


def _with_default(dimension: Dimension, default: Scalar) -> Dimension:
    if isinstance(dimension, Choice):
        if not any(type(option) is type(default) and option == default for option in dimension.options):
            raise _UnreadableError(
                f"its default {default!r:.60} is not among {list(dimension.options)!r:.200}"
            )
        return Choice(dimension.options, default)
    if isinstance(default, bool | str):
        raise _UnreadableError(f"its default is {default!r:.60}, expected a number")
    kind = "int" if isinstance(dimension, Int) else "float"
    value = _finite(default, kind, "its default")
    if not dimension.low <= value <= dimension.high:
        got = f"its default {value:g} is outside [{dimension.low:g}, {dimension.high:g}]"
        raise _UnreadableError(got, "move the default or widen the range")
    if isinstance(dimension, Int):
        return Int(dimension.low, dimension.high, dimension.log, int(value))
    return Float(dimension.low, dimension.high, dimension.log, float(value))


def _literal(node: ast.expr) -> Scalar:
    """The value of a literal: a number with or without sign, a string, True or False."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _literal(node.operand)
        if isinstance(value, bool | str):
            raise _UnreadableError(f"{_written(node)} is no number")
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value
    hint = 'write the value itself: 0.001, 256, "relu", True'
    if isinstance(node, ast.Constant) and node.value is None:
        hint = 'None is no value here: give it a word ("none") or a number (0) that means it'
    raise _UnreadableError(f"{_written(node)} is not a literal value", hint)


def _full_name(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """The node's dotted name with the file's imports seen through; empty if it is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([aliases.get(node.id, node.id), *reversed(parts)])


def _written(node: ast.expr) -> str:
    return repr(ast.unparse(node))[1:-1][:80]
