"""What the names of a file stand for where its function is declared: imports, constants, annotations."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from codegen_hpo.contract.literals import UnreadableError, literal
from codegen_hpo.space import Scalar


class Names(NamedTuple):
    """The file's names that a declaration may use."""

    imports: Mapping[str, str]  # {"t": "typing", "Annotated": "typing.Annotated"}
    constants: Mapping[str, Scalar]  # {"MAX_WIDTH": 512}
    annotations: Mapping[str, ast.Subscript]  # {"Width": the tree of Annotated[int, 16, 512]}

    def full(self, node: ast.expr) -> str:
        """The node's dotted name with the imports seen through; empty if it is no name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imports.get(node.id, node.id), *reversed(parts)])


def read_names(tree: ast.Module, function: ast.stmt) -> Names:
    """The file's imports, and what it binds once, above `function`: values and annotations."""
    times = Counter(name for statement in tree.body for name in bound(statement))
    constants: dict[str, Scalar] = {}
    annotations: dict[str, ast.Subscript] = {}
    for statement in tree.body[: tree.body.index(function)]:
        for name, value in _assigned(statement):
            if times[name] > 1:
                continue
            if isinstance(value, ast.Subscript):
                annotations[name] = value
                continue
            try:
                constants[name] = literal(value, constants)
            except UnreadableError:
                continue  # a constant of another kind: a dict of layers
    return Names(_imports(tree), constants, annotations)


def _imports(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Each name that the statement assigns, with its expression: `A = 1`, `A: int = 1`, `A, B = 1, 2`."""
    match node:
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            if len(targets) == len(values) and not any(isinstance(v, ast.Starred) for v in values):
                for target, value in zip(targets, values, strict=True):
                    if isinstance(target, ast.Name):
                        yield target.id, value


def bound(node: ast.stmt) -> Iterator[str]:
    """Names that a top-level statement binds."""
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name for alias in aliases)
        case ast.Assign(targets=targets):
            yield from (
                found.id for target in targets for found in ast.walk(target) if isinstance(found, ast.Name)
            )
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            yield name
