"""The fourth gate: the function's signature and docstring, read as a search space."""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from codegen_hpo.contract.dimensions import FORMS, read_dimension
from codegen_hpo.contract.docstring import Described, read_docstring
from codegen_hpo.contract.literals import written
from codegen_hpo.contract.names import Names, bound, read_names
from codegen_hpo.contract.text import source_lines
from codegen_hpo.contract.training import training_complaint
from codegen_hpo.records import Finding
from codegen_hpo.space import Dimension, Space

FUNCTION = "make_model_and_optimizer"
DATA_ARGUMENTS = ("n_numeric", "cardinalities", "n_outputs", "numeric_quantiles")
MAX_HYPERPARAMETERS = 40
MAX_NAME = 64  # characters: the longest property name that endpoints take in a tool's schema

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Signature(NamedTuple):
    """The space and title of a function that meets the contract, or why it does not."""

    space: Space | None
    title: str
    findings: list[Finding]


def read_signature(tree: ast.Module, source: str) -> Signature:
    """The search space that the file's `make_model_and_optimizer` declares, or every complaint about it."""
    reader = _Reader(source)
    function = reader.the_function(tree)
    if function is None:
        return Signature(None, "", reader.findings)
    reader.check_shape(function)
    reader.check_data_arguments(function)
    reader.check_returns(function)
    described = reader.docstring(function)
    space = reader.space(function, described, read_names(tree, function))
    return Signature(None if reader.findings else space, described.title, reader.findings)


class _Reader:
    """Reads one function and collects what is wrong with it."""

    def __init__(self, source: str) -> None:
        self.findings: list[Finding] = []
        self._lines = source_lines(source)

    def _complain(self, rule: str, message: str, node: ast.AST | None = None, hint: str = "") -> None:
        line: int | None = getattr(node, "lineno", None)
        column = None
        if node is not None and line:
            # ast counts columns in UTF-8 bytes
            before = self._lines[line - 1].encode()[: getattr(node, "col_offset", 0)]
            column = len(before.decode(errors="ignore")) + 1
        self.findings.append(
            Finding(gate="signature", rule=rule, message=message, line=line, column=column, hint=hint)
        )

    def the_function(self, tree: ast.Module) -> _Function | None:
        """The one function of that name at the top level, or None with a complaint."""
        functions = [node for node in tree.body if isinstance(node, _Function)]
        named = [node for node in functions if node.name == FUNCTION]
        if not named:
            near = difflib.get_close_matches(FUNCTION, [node.name for node in functions], 1, 0.6)
            message = f"there is no top-level function {FUNCTION}"
            message += f"; there is {near[0]:.60}" if near else ""
            self._complain("function", message, hint=f"name the function {FUNCTION}")
            return None
        if len(named) > 1:
            self._complain(
                "function", f"{FUNCTION} is defined {len(named)} times", named[1], "define it once"
            )
        for node in tree.body:
            if not isinstance(node, _Function) and FUNCTION in bound(node):
                self._complain(
                    "function", f"{FUNCTION} is bound again here", node, "define it once, with def"
                )
        return named[-1]

    def check_shape(self, function: _Function) -> None:
        """An ordinary function: not async, not decorated, no generator, no *args, **kwargs or `/`."""
        arguments = function.args
        if isinstance(function, ast.AsyncFunctionDef):
            self._complain("function", f"{FUNCTION} is async", function, "write def, not async def")
        for decorator in function.decorator_list:
            self._complain("function", f"{FUNCTION} has a decorator", decorator, "leave the decorator out")
        for star in filter(None, (arguments.vararg, arguments.kwarg)):
            hint = f"name every argument: of {', '.join(DATA_ARGUMENTS)} before *, hyperparameters after it"
            self._complain("arguments", f"it takes any number of arguments ({star.arg:.60})", star, hint)
        if arguments.posonlyargs:
            where = arguments.posonlyargs[0]
            self._complain(
                "arguments", "it has arguments before /", where, "leave the / out: all are given by name"
            )

    def check_data_arguments(self, function: _Function) -> None:
        """Before the `*` stand facts of the data, by their names, and nothing else."""
        arguments = function.args
        defaults = _defaults(arguments)
        for argument in [*arguments.posonlyargs, *arguments.args]:
            name = argument.arg
            if name in DATA_ARGUMENTS:
                continue
            default = defaults.get(name)
            near = difflib.get_close_matches(name, DATA_ARGUMENTS, 1, 0.6)
            if near and default is None:
                hint = f"write {near[0]}"
            elif default is not None or _is_declared(argument):
                hint = f"hyperparameters stand after the *{_as_hyperparameter(argument, default)}"
            else:
                hint = f"before the * stand only {', '.join(DATA_ARGUMENTS)}, those that are used"
            self._complain(
                "data-argument", f"{name:.80} stands before the * and is no fact of the data", argument, hint
            )
        for argument in arguments.kwonlyargs:
            if argument.arg in DATA_ARGUMENTS:
                hint = f"move {argument.arg} before the *"
                self._complain("data-argument", f"{argument.arg} stands after the *", argument, hint)

    def check_returns(self, function: _Function) -> None:
        """As far as it can be seen: it returns two values, and is no generator."""
        returns = 0
        for node in _own_nodes(function):
            if isinstance(node, ast.Yield | ast.YieldFrom):
                self._complain("return", "it yields", node, "return (model, optimizer)")
            if not isinstance(node, ast.Return):
                continue
            returns += 1
            value = node.value
            if value is None or isinstance(value, ast.Constant):
                self._complain("return", "it returns no model", node, "return model, optimizer")
            elif isinstance(value, ast.Tuple | ast.List) and _length(value) not in {2, None}:
                message = f"it returns {_length(value)} values, expected 2"
                self._complain("return", message, node, "return model, optimizer")
        if not returns:
            self._complain(
                "return", "it has no return statement", function, "end it with: return model, optimizer"
            )

    def docstring(self, function: _Function) -> Described:
        """The described arguments; a complaint when there is no docstring."""
        docstring = (ast.get_docstring(function) or "").strip()
        if not docstring:
            hint = "begin the function with a docstring: a title line, then an Args: section"
            self._complain("docstring", f"{FUNCTION} has no docstring", function, hint)
        return read_docstring(docstring)

    def space(self, function: _Function, described: Described, names: Names) -> Space:
        """The dimensions of all keyword-only arguments that could be read."""
        arguments = function.args
        declared = [a for a in arguments.kwonlyargs if a.arg not in DATA_ARGUMENTS]
        misplaced = [a for a in arguments.args if _is_declared(a) or a.arg in _defaults(arguments)]
        if not declared and not misplaced:
            self._complain("arguments", "it has no hyperparameters", function, f"add them after a *: {FORMS}")
        if len(declared) > MAX_HYPERPARAMETERS:
            message = f"it has {len(declared)} hyperparameters, at most {MAX_HYPERPARAMETERS} are tuned"
            self._complain("arguments", message, declared[MAX_HYPERPARAMETERS], "keep those that matter most")
        dimensions: dict[str, Dimension] = {}
        undescribed = [
            a.arg for a in misplaced if a.arg not in DATA_ARGUMENTS and not described.arguments.get(a.arg)
        ]
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if argument not in declared:
                continue
            name = argument.arg
            if len(name) > MAX_NAME:
                self._complain(
                    "arguments", f"{name:.70}… has {len(name)} characters", argument, f"at most {MAX_NAME}"
                )
                continue
            read = read_dimension(argument.annotation, default, names)
            if read.dimension is None:
                self._complain("hyperparameter", f"{name}: {read.complaint}", argument, read.hint)
            elif complaint := training_complaint(name, read.dimension):
                hint = "follow it, or choose another name if something else is meant"
                self._complain("training-argument", f"{name}: {complaint}", argument, hint)
            else:
                description = described.arguments.get(name, "")
                dimensions[name] = replace(read.dimension, description=description)
            if not described.arguments.get(name):
                undescribed.append(name)
        if undescribed and described.title:
            message = f"the docstring's Args: section does not describe {', '.join(undescribed)}"
            hint = (
                'below the title and an empty line stands a line "Args:", and under it, four blanks deeper, '
                f'one line for each: "{undescribed[0]}: what it does, and what raising it does"'
            )
            self._complain("docstring", message, function, hint)
        return Space(dimensions)


def _length(display: ast.Tuple | ast.List) -> int | None:
    starred = any(isinstance(part, ast.Starred) for part in display.elts)
    return None if starred else len(display.elts)


def _defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    """The defaults of the arguments before the `*`, by name."""
    if not arguments.defaults:
        return {}
    positional = [*arguments.posonlyargs, *arguments.args][-len(arguments.defaults) :]
    return {argument.arg: value for argument, value in zip(positional, arguments.defaults, strict=True)}


def _is_declared(argument: ast.arg) -> bool:
    """Whether its annotation is a hyperparameter's."""
    forms = ("Annotated", "Literal", "bool", "float")
    return argument.annotation is not None and ast.unparse(argument.annotation).startswith(forms)


def _as_hyperparameter(argument: ast.arg, default: ast.expr | None) -> str:
    """How to write it after the `*`, if that can be told from its default; else empty."""
    value = default.value if isinstance(default, ast.Constant) else None
    if isinstance(argument.annotation, ast.Subscript) or not isinstance(value, bool | int | float | str):
        return ""
    form = "bool" if isinstance(value, bool) else f"Annotated[{type(value).__name__}, low, high]"
    if isinstance(value, str):
        form = f'Literal["{value:.30}", …]'
    return f": {argument.arg:.60}: {form} = {written(default)}" if default else ""


def _own_nodes(function: _Function) -> Iterator[ast.AST]:
    """All nodes of the function's body, without those of functions and classes within it."""
    stack: list[ast.AST] = [*function.body]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, _Function | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(node))
