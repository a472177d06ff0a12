"""The second gate: Python 3.11, and of a shape that the rules can be checked on.

libcst's native parser ends the process on deep nesting, also where `ast` is flat: a chain of `and`, a dotted
import, a row of strings (issues 619, 980 and 1000 of Instagram/LibCST). Such nesting is measured here, on the
tree of `ast`, before libcst sees the text; so are the sizes that would make its analysis slow.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from codegen_hpo.contract.text import source_lines
from codegen_hpo.contract.tokens import MAX_TOKENS, token_findings
from codegen_hpo.records import Finding

PYTHON = (3, 11)  # the oldest version that a sandbox may run
MAX_DEPTH = 100  # levels of nesting; a network's source has about 20
MAX_NAME = 200  # characters of an identifier
MAX_BITS = 1000  # of an integer: it fits a float, and Python writes it out without complaint
MAX_USES = 250_000  # assignments times uses of one name: the scope analysis links each with each

_FSTRING_LEVELS = 8  # an f-string within an f-string counts so much: rows of strings may stand at each level


class Syntax(NamedTuple):
    """The tree, or why there is none that can be checked further."""

    tree: ast.Module | None
    findings: list[Finding]


def read_syntax(source: str) -> Syntax:
    """The tree of a source that passed the text gate. The source is compiled, never run."""
    try:
        tree = ast.parse(source, feature_version=PYTHON)
        findings = _tree_findings(tree) or token_findings(source)
        if not findings:
            # finds what the grammar does not: `return` outside a function, an argument named twice
            compile(source, "candidate.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        return Syntax(None, [_refusal(error, source)])
    except (MemoryError, RecursionError):
        message = "the source is nested too deeply for Python's own parser"
        return Syntax(None, [_finding("nesting", message, None, "split long expressions into statements")])
    except (ValueError, OverflowError) as error:
        return Syntax(None, [_finding("syntax", f"Python cannot read the source: {error}"[:400])])
    return Syntax(None, findings) if findings else Syntax(tree, [])


def _refusal(error: SyntaxError, source: str) -> Finding:
    line = error.lineno if error.lineno and error.lineno <= len(source_lines(source)) else None
    column = max(error.offset or 0, 0) or None
    return Finding(
        gate="syntax",
        rule="syntax",
        message=f"{type(error).__name__}: {error.msg}"[:400],
        line=line,
        column=column if line else None,
        hint="the file must be complete Python 3.11 source, with no text around it",
    )


def _tree_findings(tree: ast.Module) -> list[Finding]:
    """Complaints about nesting, number of nodes and names, found without recursion."""
    nodes = 0
    stores: Counter[str] = Counter()
    loads: Counter[str] = Counter()
    long_name: Finding | None = None
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        depth += _levels(node)
        if depth > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} levels deep (links of a chain count as levels)"
            hint = "split the expression into statements, or use a loop or a list"
            return [_finding("nesting", message, getattr(node, "lineno", None), hint)]
        nodes += 1
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, int)
            and node.value.bit_length() > MAX_BITS
        ):
            message = f"a number of {node.value.bit_length():,} bits, at most {MAX_BITS:,} are read"
            return [_finding("size", message, node.lineno, "write a number of ordinary size")]
        for name in _names(node):
            if len(name) > MAX_NAME and long_name is None:
                message = f"a name of {len(name)} characters, at most {MAX_NAME} are read: {name:.40}…"
                long_name = _finding("name", message, getattr(node, "lineno", None), "use a short name")
            (loads if isinstance(getattr(node, "ctx", None), ast.Load) else stores)[name] += 1
        stack.extend((child, depth) for child in _children(node))
    if long_name is not None:
        return [long_name]
    if nodes > MAX_TOKENS:
        message = f"the source has {nodes:,} syntax nodes, at most {MAX_TOKENS:,} are read"
        return [_finding("size", message, None, "write one function and the few modules it needs")]
    busy = max(stores, key=lambda name: stores[name] * loads[name], default="")
    if stores[busy] * loads[busy] > MAX_USES:
        message = f"{busy!r} is assigned {stores[busy]} times and used {loads[busy]} times"
        return [_finding("size", message, None, "use a loop, or different names for different things")]
    return []


def _children(node: ast.AST) -> Iterator[ast.AST]:
    leaves = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
    return (child for child in ast.iter_child_nodes(node) if not isinstance(child, leaves))


def _levels(node: ast.AST) -> int:
    """How many levels the node adds in libcst's tree, where chains are nested."""
    match node:
        case ast.BoolOp(values=chain) | ast.MatchOr(patterns=chain):
            return len(chain)
        case ast.Compare(ops=operators):
            return len(operators)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return len(node.generators)
        case ast.alias(name=dotted) | ast.ImportFrom(module=str(dotted)):
            return dotted.count(".") + 1
        case ast.JoinedStr():
            return _FSTRING_LEVELS
    return 1


def _names(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)) | ast.Attribute(attr=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.alias(name=dotted, asname=asname):
            return [*dotted.split("."), *([asname] if asname else [])]
        case ast.ImportFrom(module=str(dotted)):
            return dotted.split(".")
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return names
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
    return []


def _finding(rule: str, message: str, line: int | None = None, hint: str = "") -> Finding:
    return Finding(gate="syntax", rule=rule, message=message, line=line, hint=hint)
