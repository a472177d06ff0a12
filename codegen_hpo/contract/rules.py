"""The third gate: what the code may name, import, and do while it is imported.

The scopes of libcst tell what a name stands for: `import torch as t; t.load` is seen through, and a name that
nothing defines is found. Needs a source that passed the syntax gate.
"""
# ruff: noqa: N802  libcst finds a visitor's methods by the names of its node classes

import builtins
import symtable
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import libcst as cst
from libcst.metadata import (
    BuiltinAssignment,
    MetadataWrapper,
    PositionProvider,
    QualifiedNameSource,
    Scope,
    ScopeProvider,
)

from codegen_hpo.contract import allowed
from codegen_hpo.contract.import_time import asks_for_main, is_short, names_in
from codegen_hpo.records import Finding

_WORK: Mapping[type[cst.CSTNode], str] = {
    cst.AugAssign: "an augmented assignment",
    cst.If: "an if statement",
    cst.For: "a loop",
    cst.While: "a loop",
    cst.With: "a with statement",
    cst.Try: "a try statement",
    cst.TryStar: "a try statement",
    cst.Match: "a match statement",
    cst.Del: "a del statement",
    cst.Assert: "an assert statement",
    cst.Raise: "a raise statement",
}
_ASCII = "use the letters a-z, digits and underscores in names"


class _Complaint(NamedTuple):
    """A finding whose place is still a node: places are computed only when there is something to say."""

    node: cst.CSTNode
    rule: str
    message: str
    hint: str


def rule_findings(source: str) -> list[Finding]:
    """Every breach of the rules in `source`; empty when there is none."""
    try:
        # the tree is fresh from the parser: no node is in it twice, and the copy would cost half the time
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
        scope_of = wrapper.resolve(ScopeProvider)
        scopes = {scope for scope in scope_of.values() if scope}
        visitor = _Rules(scope_of)
        wrapper.module.visit(visitor)
        named = _name_complaints(scopes, _undefined(source))
        complaints = [*visitor.complaints, *(c for c in named if c.node not in visitor.passed_over)]
        return _placed(wrapper, complaints)
    except cst.ParserSyntaxError as error:
        return [
            _finding("unreadable", f"the source cannot be analysed: {error.message}"[:400], error.raw_line)
        ]
    except RecursionError:
        return [_finding("nesting", "the source is nested too deeply to be analysed")]


def _placed(wrapper: MetadataWrapper, complaints: Sequence[_Complaint]) -> list[Finding]:
    if not complaints:
        return []
    positions = wrapper.resolve(PositionProvider)
    found = []
    for complaint in complaints:
        start = positions[complaint.node].start
        place = start.line, start.column + 1
        found.append(_finding(complaint.rule, complaint.message, *place, complaint.hint))
    return found


def _finding(
    rule: str, message: str, line: int | None = None, column: int | None = None, hint: str = ""
) -> Finding:
    return Finding(gate="rules", rule=rule, message=message, line=line, column=column, hint=hint)


def _undefined(source: str) -> set[str]:
    """Names that some function or the module reads as globals and that nothing defines.

    The interpreter's own symbol table: libcst 1.9 does not know that the patterns of `match` bind names.
    """
    module = symtable.symtable(source, "candidate.py", "exec")
    defined = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_local()}
    read: set[str] = set()
    tables = [module]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return read - defined - set(dir(builtins))


def _name_complaints(scopes: set[Scope], undefined: set[str]) -> Iterator[_Complaint]:
    """Uses of refused builtins, of `__names__`, and of names in `undefined`."""
    for scope in scopes:
        for access in scope.accesses:
            name = _first_name(access.node)
            if name is None:
                continue
            builtin = any(isinstance(referent, BuiltinAssignment) for referent in access.referents)
            refusal = allowed.BUILTINS.get(name.value) if builtin else None
            if refusal:
                yield _Complaint(name, refusal.rule, f"{name.value} is used", refusal.hint)
            elif _is_dunder(name.value) and name.value != "__class__":
                yield _Complaint(name, "dunder", f"{name.value:.60} is used", "leave it out")
            elif not access.referents and name.value in undefined:
                message = f"the name {name.value!r:.60} is not defined"
                yield _Complaint(name, "undefined-name", message, "define or import it, or mend the name")


class _Rules(cst.CSTVisitor):
    """Collects complaints about imports, attributes, and statements that run while the file is imported.

    `_depth` is above zero inside a function: what stands there runs only when it is called.
    """

    def __init__(self, scope_of: Mapping[cst.CSTNode, Scope | None]) -> None:
        super().__init__()
        self.complaints: list[_Complaint] = []
        self.passed_over: set[cst.CSTNode] = set()  # names in a block that is to be deleted as a whole
        self._comprehensions = 0
        self._reported: cst.CSTNode | None = None  # runs at import: what stands in it is not named as well
        self._scope_of = scope_of
        self._depth = 0

    def _complain(self, node: cst.CSTNode, rule: str, message: str, hint: str = "leave it out") -> None:
        self.complaints.append(_Complaint(node, rule, message, hint))

    def _names(self, node: cst.CSTNode, *sources: QualifiedNameSource) -> set[str]:
        """Full names that the node has from one of `sources`: {"torch.load"}."""
        scope = self._scope_of.get(node)
        names = scope.get_qualified_names_for(node) if scope else ()
        return {found.name for found in names if found.source in sources}

    def _imported(self, node: cst.CSTNode) -> set[str]:
        return self._names(node, QualifiedNameSource.IMPORT)

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.If) and self._depth == 0 and asks_for_main(node.test):
            message = "the block under if __name__ == ... is no part of the module"
            self._complain(node, "import-time", message, "delete the block")
            self.passed_over.update(names_in(node))
            return False
        if type(node) in _WORK:
            self._at_import(node, _WORK[type(node)])
        if isinstance(node, cst.BaseComp):
            self._comprehensions += 1
            if self._comprehensions > 1 or not is_short(node.for_in):
                self._at_import(node, "a comprehension over more than a short range or list")
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        super().on_leave(original_node)
        self._comprehensions -= isinstance(original_node, cst.BaseComp)
        if original_node is self._reported:
            self._reported = None

    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            self._check_import(alias, _dotted(alias.name))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if node.relative or node.module is None:
            self._complain(node, "import", "a relative import is used", "there is one file only")
        elif isinstance(node.names, cst.ImportStar):
            message = f"everything is imported from {_dotted(node.module):.80}"
            self._complain(node, "import", message, "name what is used")
        else:
            for alias in node.names:
                self._check_import(alias, f"{_dotted(node.module)}.{_dotted(alias.name)}")

    def _check_import(self, alias: cst.ImportAlias, module: str) -> None:
        refusal = allowed.import_refusal(module)
        if refusal:
            self._complain(alias, refusal.rule, f"{module:.80} is imported", refusal.hint)

    def visit_Name(self, node: cst.Name) -> None:
        if not node.value.isascii():
            # Python reads such a name in its compatibility form: it may be another one than it looks
            self._complain(node, "non-ascii-name", f"the name {node.value!r:.60} is not plain ASCII", _ASCII)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        attribute = node.attr.value
        hidden = _is_dunder(attribute) and attribute not in allowed.DUNDER_ATTRIBUTES
        if hidden or attribute in allowed.FRAME_ATTRIBUTES:
            self._complain(node.attr, "dunder", f"the attribute {attribute:.60} is used")
        for name in sorted(self._imported(node)):
            refusal = allowed.name_refusal(name)
            if refusal:
                self._complain(node, refusal.rule, f"{name:.80} is used", refusal.hint)

    def visit_Global(self, node: cst.Global) -> None:
        self._complain(node, "global-state", "a global statement is used", "pass values as arguments")

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._check_target(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._check_target(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._check_target(node.target)

    def _check_target(self, target: cst.BaseExpression) -> None:
        owner = target.value if isinstance(target, cst.Subscript) else target
        if isinstance(target, cst.Attribute | cst.Subscript):
            for name in sorted(self._imported(owner)):
                hint = "leave it out: settings of a package hold for the whole process"
                self._complain(target, "global-state", f"{name:.80} is assigned", hint)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._check_decorators(node.decorators)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self._check_decorators(node.decorators)
        if self._depth == 0 and node.keywords:
            self._complain(node.name, "import-time", "the class has a keyword such as metaclass=")

    def _check_decorators(self, decorators: Sequence[cst.Decorator]) -> None:
        for decorator in decorators if self._depth == 0 else ():
            called = decorator.decorator
            target = called.func if isinstance(called, cst.Call) else called
            known = self._names(target, QualifiedNameSource.IMPORT, QualifiedNameSource.BUILTIN)
            accessor = isinstance(target, cst.Attribute) and target.attr.value in {"setter", "deleter"}
            if not (known & allowed.DECORATORS or accessor):
                message = "this decorator would run while the file is imported"
                self._complain(decorator, "import-time", message, "leave the decorator out")

    def visit_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        self._depth += 1

    def leave_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        self._depth -= 1

    def visit_Lambda_body(self, node: cst.Lambda) -> None:
        self._depth += 1

    def leave_Lambda_body(self, node: cst.Lambda) -> None:
        self._depth -= 1

    def visit_Annotation(self, node: cst.Annotation) -> None:
        self._depth += 1  # the signature gate judges annotations

    def leave_Annotation(self, original_node: cst.Annotation) -> None:
        self._depth -= 1

    def visit_Decorator(self, node: cst.Decorator) -> None:
        self._depth += 1  # judged as a whole, by _check_decorators

    def leave_Decorator(self, original_node: cst.Decorator) -> None:
        self._depth -= 1

    def visit_Call(self, node: cst.Call) -> None:
        if self._depth:
            return
        names = self._names(node.func, QualifiedNameSource.IMPORT, QualifiedNameSource.BUILTIN)
        if not any(map(allowed.callable_at_import, names)):
            called = min(names, default="").removeprefix("builtins.") or _dotted(node.func)
            if not allowed.name_refusal(called):  # which is complained of by itself
                self._at_import(node, f"a call of {called:.80}", allowed.import_time_hint(called))

    def visit_Expr(self, node: cst.Expr) -> None:
        if not isinstance(node.value, cst.BaseString | cst.Ellipsis | cst.Call):
            self._at_import(node, "an expression")

    def _at_import(self, node: cst.CSTNode, what: str, hint: str = allowed.MOVE) -> None:
        if self._depth == 0 and self._reported is None:
            message = f"{what} outside a function would run while the file is imported"
            self._complain(node, "import-time", message, hint)
            self._reported = node


def _first_name(node: cst.CSTNode) -> cst.Name | None:
    while isinstance(node, cst.Attribute):
        node = node.value
    return node if isinstance(node, cst.Name) else None


def _dotted(node: cst.CSTNode) -> str:
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    return ".".join(reversed([*parts, node.value if isinstance(node, cst.Name) else "?"]))


def _is_dunder(name: str) -> bool:
    return len(name) > 4 and name.startswith("__") and name.endswith("__")
