"""The constants of a Python script, `ALL_CAPS = literal` at its top level, edited with all else kept."""

import ast
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import libcst as cst
from libcst.metadata import GlobalScope, MetadataWrapper, ScopeProvider

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.script.config_file import of_its_kind, read_bytes
from codegen_hpo.space import Arguments, Scalar

_ALL_CAPS = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """What can be tuned among the constants of a Python file."""

    file: str
    module: cst.Module
    base: Mapping[str, Scalar]
    refused: Mapping[str, str]  # the other names in capitals, and why they cannot be tuned

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.base)

    @property
    def text(self) -> str:
        """The constants' statements, with the comments before and behind them."""
        return _statements(self.module)

    def require(self, name: str) -> None:
        """Raises ConfigError, which says why, if that name cannot be given a value."""
        if name in self.refused:
            raise ConfigError(
                f"{name} in {self.file} cannot be tuned: {self.refused[name]}",
                hint="write it once, as NAME = number, text, True or False, and not within a block",
            )
        if name not in self.base:
            near = get_close_matches(name, self.base, n=3) or list(self.base)[:10]
            raise ConfigError(
                f"{self.file} has no constant {name} at its top level",
                hint=f"it has {', '.join(near)}; a constant is written in capitals",
            )

    def edited(self, arguments: Arguments) -> bytes:
        """The whole file, with these values in place of its own."""
        return self._with(arguments).bytes

    def shown(self, arguments: Arguments) -> str:
        """The text, with these values in place of its own."""
        return _statements(self._with(arguments))

    def departure(self, content: bytes, arguments: Arguments) -> str:
        """Why a file that was written with these values is another one; empty if it is not."""
        return "" if content == self.edited(arguments) else "it is not as it was written"

    def _with(self, arguments: Arguments) -> cst.Module:
        values = {name: of_its_kind(value, self.base[name]) for name, value in arguments.items()}
        return self.module.with_changes(body=[_edited(statement, values) for statement in self.module.body])


def read_constants(folder: Path, file: str) -> Constants:
    """The constants of a file in the script's folder.

    Raises:
        ConfigError: it is not there, is not Python, or has no constants that can be tuned.
    """
    content = read_bytes(folder, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the script's own affair, as an odd escape in a text
            ast.parse(content)  # its complaints are clearer, and it refuses what would overrun a stack
        wrapper = MetadataWrapper(cst.parse_module(content), unsafe_skip_copy=True)
        scopes = wrapper.resolve(ScopeProvider).values()
    except (SyntaxError, cst.ParserSyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ConfigError(f"{file} is not Python: {error}", hint="--constants names a Python file") from error
    scope = next(scope for scope in scopes if isinstance(scope, GlobalScope))
    literals = {found.name: _literal(wrapper.module, found.value) for found in _assigned(wrapper.module)}
    refused = {}
    for assignment in scope.assignments:
        name = assignment.name
        if not _ALL_CAPS.fullmatch(name):
            continue
        literal = literals.get(name)
        if len(scope[name]) > 1:
            refused[name] = "it is assigned more than once"
        elif literal is None:
            refused[name] = "it is not assigned a number, a text, True or False at the top level"
    base = {name: value for name, value in literals.items() if value is not None and name not in refused}
    if not base:
        raise ConfigError(
            f"{file} has no constants that can be tuned",
            hint="write them at its top level, in capitals, as LEARNING_RATE = 0.001",
        )
    return Constants(file=file, module=wrapper.module, base=base, refused=refused)


class _Assigned(NamedTuple):
    """One assignment of a constant."""

    name: str
    value: cst.BaseExpression
    statement: cst.SimpleStatementLine


def _assigned(module: cst.Module) -> Iterator[_Assigned]:
    for statement in module.body:
        if isinstance(statement, cst.SimpleStatementLine):
            for small in statement.body:
                if name := _constant(small):
                    assert isinstance(small, cst.Assign | cst.AnnAssign)
                    assert small.value is not None
                    yield _Assigned(name, small.value, statement)


def _constant(small: cst.BaseSmallStatement) -> str:
    """The constant to which a statement gives a value; empty if it is none."""
    match small:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]):
            pass
        case cst.AnnAssign(target=cst.Name(value=name), value=cst.BaseExpression()):
            pass
        case _:
            return ""
    return name if _ALL_CAPS.fullmatch(name) else ""


def _literal(module: cst.Module, value: cst.BaseExpression) -> Scalar | None:
    try:
        read = ast.literal_eval(module.code_for_node(value))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(read, float) and not math.isfinite(read):
        return None
    return read if isinstance(read, bool | int | float | str) else None


def _edited(
    statement: cst.SimpleStatementLine | cst.BaseCompoundStatement, values: Arguments
) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
    if not isinstance(statement, cst.SimpleStatementLine):
        return statement
    body = [
        # in ASCII, whatever the file's encoding is
        small.with_changes(value=cst.parse_expression(ascii(values[name])))
        if (name := _constant(small)) in values
        else small
        for small in statement.body
    ]
    return statement.with_changes(body=body)


def _statements(module: cst.Module) -> str:
    statements = {id(found.statement): found.statement for found in _assigned(module)}
    return "".join(module.code_for_node(statement) for statement in statements.values()).lstrip("\n")
