"""The gates in order: text, syntax, rules, signature."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from codegen_hpo.contract.signature import read_signature
from codegen_hpo.contract.syntax import read_syntax
from codegen_hpo.contract.text import text_findings
from codegen_hpo.records import Candidate, Finding

MAX_FINDINGS = 20  # of one gate; more would fill a prompt without helping to mend the first
MAX_LINES = 8  # that are named for one complaint


class Verdict(NamedTuple):
    """A candidate, or findings: of the first gate that refuses; rules and signature count as one."""

    candidate: Candidate | None
    findings: tuple[Finding, ...]


def read_candidate(source: str, *, name: str, author: str) -> Verdict:
    """The candidate that `source` holds, or every complaint of the first gate that refuses it.

    Rules and signature are judged together, the complaints of the rules first.
    A pure function of the text: it neither runs nor imports it, and no text makes it raise.
    """
    with warnings.catch_warnings():
        # an invalid escape or `is 0` is no fault, and must not raise where warnings are errors
        warnings.simplefilter("ignore")
        return _verdict(source, name, author)


def _verdict(source: str, name: str, author: str) -> Verdict:
    # libcst takes 0.2 s to import, and the host, who has texts read apart, does without
    from codegen_hpo.contract.rules import rule_findings

    if findings := text_findings(source):
        return _refused(findings)
    syntax = read_syntax(source)
    if syntax.tree is None:
        return _refused(syntax.findings)
    broken = rule_findings(source)
    signature = read_signature(syntax.tree, source)
    if broken or signature.space is None:
        # both gates read the same tree: one answer mends what both found
        return Verdict(None, (*_listed(broken), *_listed(signature.findings)))
    candidate = Candidate(
        name=name, source=source, space=signature.space, title=signature.title, author=author
    )
    return Verdict(candidate, ())


def _refused(findings: list[Finding]) -> Verdict:
    return Verdict(None, _listed(findings))


def _listed(findings: list[Finding]) -> tuple[Finding, ...]:
    """A gate's findings in the order of lines, repetitions folded into the first, their number bounded."""
    findings = sorted(findings, key=lambda finding: (finding.line or 0, finding.column or 0))
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.rule, finding.message), []).append(finding)
    folded = [_folded(same) for same in alike.values()]
    shown = tuple(folded[:MAX_FINDINGS])
    left_out = len(folded) - len(shown)
    if left_out:
        message = f"{left_out} more complaints of this kind of check are not listed"
        hint = "mend those above first; what is left is listed after the next attempt"
        shown += (Finding(gate=shown[0].gate, rule="more", message=message, hint=hint),)
    return shown


def _folded(same: Sequence[Finding]) -> Finding:
    """The first of equal findings, with the lines of the others."""
    lines = list(dict.fromkeys(f.line for f in same if f.line is not None and f.line != same[0].line))
    if not lines:
        return same[0]
    also = ", ".join(map(str, lines[:MAX_LINES])) + (", …" if len(lines) > MAX_LINES else "")
    return replace(same[0], message=f"{same[0].message}; also in line {also}")
