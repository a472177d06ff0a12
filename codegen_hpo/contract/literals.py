"""The values that a declaration writes down: literals, and small sums of numbers such as 2**10 or 1/16."""

import ast
import math
import operator
from collections.abc import Callable, Mapping

from codegen_hpo.space import Scalar

MAX_LEVELS = 6  # of nested operations in one value: a few dozen operations at most
MAX_NUMBER = 2**53  # larger integers are not exact in JSON readers and in Optuna's floats
MAX_EXPONENT = 64

_OPERATIONS: Mapping[type[ast.operator], Callable[[int | float, int | float], int | float | complex]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


class UnreadableError(Exception):
    """A part of a declaration that does not have the form, and what to write in its place."""

    def __init__(self, complaint: str, hint: str = "") -> None:
        super().__init__(complaint)
        self.complaint = complaint
        self.hint = hint


def literal(node: ast.expr, constants: Mapping[str, Scalar], level: int = 0) -> Scalar:
    """The value of a literal, of a name in `constants`, or of numbers joined by + - * / // **.

    Raises UnreadableError for anything else: nothing is called, and no large number is computed.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return node.value
    if isinstance(node, ast.Name) and node.id in constants:
        return constants[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _number(node.operand, constants, level)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = (_number(part, constants, level) for part in (node.left, node.right))
        return _joined(node, left, right)
    hint = 'write the value itself: 0.001, 256, "relu", True'
    if isinstance(node, ast.Constant) and node.value is None:
        hint = 'None is no value here: give it a word ("none") or a number (0) that means it'
    raise UnreadableError(f"{written(node)} is not a literal value", hint)


def _number(node: ast.expr, constants: Mapping[str, Scalar], level: int) -> int | float:
    if level >= MAX_LEVELS:
        raise UnreadableError(f"{written(node)} is part of a long formula", "write the number itself")
    value = literal(node, constants, level + 1)
    if isinstance(value, bool | str):
        raise UnreadableError(f"{written(node)} is no number", "write a number")
    return value


def _joined(node: ast.BinOp, left: int | float, right: int | float) -> int | float:
    refusal = UnreadableError(f"{written(node)} is no number of ordinary size", "write the number itself")
    power = isinstance(node.op, ast.Pow)
    if max(abs(left), abs(right)) > MAX_NUMBER or (power and abs(right) > MAX_EXPONENT):
        raise refusal
    try:
        value = _OPERATIONS[type(node.op)](left, right)
    except ArithmeticError:  # division by zero, overflow
        raise refusal from None
    if isinstance(value, complex) or not math.isfinite(value):
        raise refusal
    return value


def written(node: ast.AST) -> str:
    """The node as source on one line, cut to fit a message."""
    return repr(ast.unparse(node))[1:-1][:80]
