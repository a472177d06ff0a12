"""Top-level statements that are told apart: a block for running the file, a loop that fills a constant."""

from collections.abc import Iterator

import libcst as cst

MAX_TURNS = 1000  # of a comprehension that fills a constant


def asks_for_main(test: cst.BaseExpression) -> bool:
    """Whether an if statement's test is `__name__ == "__main__"`, either way round."""
    if not isinstance(test, cst.Comparison):
        return False
    sides = [test.left, *(target.comparator for target in test.comparisons)]
    return any(isinstance(side, cst.Name) and side.value == "__name__" for side in sides)


def names_in(node: cst.CSTNode) -> Iterator[cst.Name]:
    """All names that stand in the node."""
    stack = [node]
    while stack:
        found = stack.pop()
        stack.extend(found.children)
        if isinstance(found, cst.Name):
            yield found


def is_short(loop: cst.CompFor) -> bool:
    """One loop, over a written list or over a range between small numbers."""
    if loop.inner_for_in is not None or loop.asynchronous is not None:
        return False
    over = loop.iter
    if isinstance(over, cst.Call) and isinstance(over.func, cst.Name) and over.func.value == "range":
        return all(_is_small(argument.value) for argument in over.args)
    if isinstance(over, cst.List | cst.Tuple | cst.Set):
        return not any(isinstance(element, cst.StarredElement) for element in over.elements)
    return False


def _is_small(end: cst.BaseExpression) -> bool:
    if isinstance(end, cst.UnaryOperation) and isinstance(end.operator, cst.Minus):
        end = end.expression
    return isinstance(end, cst.Integer) and end.evaluated_value <= MAX_TURNS
