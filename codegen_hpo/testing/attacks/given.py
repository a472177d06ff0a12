"""Programs of one's own, from a folder of Python files, made ready to run as candidates."""

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from codegen_hpo.errors import ConfigError
from codegen_hpo.testing.attacks.attack import ANY, Attack
from codegen_hpo.testing.sandbox_cases import sample_source

_FUNCTION = "make_model_and_optimizer"
_FACTS = frozenset({"n_numeric", "cardinalities", "n_outputs", "numeric_quantiles"})
_MAIN = sample_source(construct='if callable(globals().get("main")):\n    main()')


def read_programs(folder: Path, *, timeout_s: float = 10.0) -> tuple[Attack, ...]:
    """The `*.py` files of a folder and those below it, in the order of their names. Raises ConfigError."""
    files = sorted(folder.rglob("*.py"))
    if not files:
        raise ConfigError(f"no *.py file in {folder}", hint="give a folder that holds programs")
    return tuple(_program(file, folder, timeout_s) for file in files)


def _program(file: Path, folder: Path, timeout_s: float) -> Attack:
    name = str(file.relative_to(folder).with_suffix(""))
    source = file.read_bytes().decode("utf-8", "surrogateescape")
    return Attack(name=name, category="given", source=as_candidate(source), statuses=ANY, timeout_s=timeout_s)


def as_candidate(source: str) -> str:
    """The source, completed so that the worker can call it.

    A file without the function gets one that calls its `main`, if there is one. A function that asks for
    more than the worker gives gets a value for each such parameter.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return source  # that is the attack, perhaps
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == _FUNCTION]
    if not functions:
        if _FUNCTION in source:  # made in another way
            return source
        return f"{source}\n\n{_MAIN}"
    missing = dict(_missing(functions[-1].args))
    if not missing:
        return source
    return (
        f"{source}\n\n_given = {_FUNCTION}\n\n"
        f"def {_FUNCTION}(n_numeric, cardinalities, n_outputs, numeric_quantiles):\n"
        f"    facts = dict(n_numeric=n_numeric, cardinalities=cardinalities, n_outputs=n_outputs,\n"
        f"                 numeric_quantiles=numeric_quantiles)\n"
        f"    code = _given.__code__\n"
        f"    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]\n"
        f"    known = {{name: facts[name] for name in names if name in facts}}\n"
        f"    return _given(**known, **{missing!r})\n"
    )


def _missing(arguments: ast.arguments) -> Iterable[tuple[str, Any]]:
    """Parameters without a default that the worker does not know, each with a value of its kind."""
    positional = [*arguments.posonlyargs, *arguments.args]
    needed = positional[: len(positional) - len(arguments.defaults)]
    needed += [
        argument
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    for argument in needed:
        if argument.arg not in _FACTS:
            yield argument.arg, _value(argument.annotation)


def _value(annotation: ast.expr | None) -> object:
    match annotation:
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[_, low, *_])):
            return _literal(low, 1)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            return _literal(choices.elts[0] if isinstance(choices, ast.Tuple) else choices, "")
        case ast.Name(id="float"):
            return 0.01
        case ast.Name(id="bool"):
            return False
        case ast.Name(id="str"):
            return ""
    return 8


def _literal(node: ast.expr, otherwise: object) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return otherwise
