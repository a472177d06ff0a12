"""The gates in order: text, syntax, rules, signature."""

import itertools
import warnings
from typing import NamedTuple

from codegen_hpo.contract.rules import rule_findings
from codegen_hpo.contract.signature import read_signature
from codegen_hpo.contract.syntax import read_syntax
from codegen_hpo.contract.text import text_findings
from codegen_hpo.records import Candidate, Finding

MAX_FINDINGS = 20  # of one gate; more would fill a prompt without helping to mend the first


class Verdict(NamedTuple):
    """A candidate, or the findings of the first gate that the source did not pass."""

    candidate: Candidate | None
    findings: tuple[Finding, ...]


def read_candidate(source: str, *, name: str, author: str) -> Verdict:
    """The candidate that `source` holds, or every complaint of the first gate that refuses it.

    A pure function of the text: it neither runs nor imports it, and no text makes it raise.
    """
    with warnings.catch_warnings():
        # an invalid escape or `is 0` is no fault, and must not raise where warnings are errors
        warnings.simplefilter("ignore")
        return _verdict(source, name, author)


def _verdict(source: str, name: str, author: str) -> Verdict:
    if findings := text_findings(source):
        return _refused(findings)
    syntax = read_syntax(source)
    if syntax.tree is None:
        return _refused(syntax.findings)
    if findings := rule_findings(source):
        return _refused(findings)
    signature = read_signature(syntax.tree, source)
    if signature.space is None:
        return _refused(signature.findings)
    candidate = Candidate(
        name=name, source=source, space=signature.space, title=signature.title, author=author
    )
    return Verdict(candidate, ())


def _refused(findings: list[Finding]) -> Verdict:
    """The findings in the order of lines, repetitions folded into the first, their number bounded."""
    findings = sorted(findings, key=lambda finding: (finding.line or 0, finding.column or 0))
    first_of_each = list({(f.rule, f.message): f for f in reversed(findings)}.values())[::-1]
    shown = tuple(itertools.islice(first_of_each, MAX_FINDINGS))
    left_out = len(first_of_each) - len(shown)
    if left_out:
        message = f"{left_out} more complaints of this kind of check are not listed"
        hint = "mend those above first; what is left is listed after the next attempt"
        shown += (Finding(gate=shown[0].gate, rule="more", message=message, hint=hint),)
    return Verdict(None, shown)
