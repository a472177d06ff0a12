"""Renders findings with the lines around them, for a model and for a person."""

from collections.abc import Sequence

from codegen_hpo.contract.text import source_lines
from codegen_hpo.records import Finding

AROUND = 2  # lines shown before and after
MAX_LINE = 140  # characters


def code_frame(source: str, findings: Sequence[Finding]) -> str:
    """Numbered complaints, each followed by its lines of `source`; control characters are shown escaped."""
    lines = source_lines(source)
    return "\n\n".join(_complaint(number, finding, lines) for number, finding in enumerate(findings, 1))


def _complaint(number: int, finding: Finding, lines: Sequence[str]) -> str:
    place = ""
    if finding.line is not None:
        place = f"line {finding.line}" + (f", column {finding.column}" if finding.column else "") + ": "
    head = f"{number}. [{finding.gate}: {finding.rule}] {place}{visible(finding.message)}"
    parts = [head]
    if finding.hint:
        parts.append(f"   To do: {visible(finding.hint)}")
    if finding.line is not None and 1 <= finding.line <= len(lines):
        parts += _lines_around(finding, lines)
    return "\n".join(parts)


def _lines_around(finding: Finding, lines: Sequence[str]) -> list[str]:
    line = finding.line or 1
    first, last = max(1, line - AROUND), min(len(lines), line + AROUND)
    width = len(str(last))
    shown = []
    for number in range(first, last + 1):
        text = lines[number - 1]
        start = 0
        if number == line and finding.column and finding.column > MAX_LINE:
            start = finding.column - MAX_LINE // 2
        cut = visible(text[start : start + MAX_LINE])
        before, after = "…" if start else "", "…" if len(text) > start + MAX_LINE else ""
        shown.append(f"   {'>' if number == line else ' '} {number:>{width}} | {before}{cut}{after}".rstrip())
        if number == line and finding.column and finding.column <= len(text) + 1:
            caret = len(visible(text[start : finding.column - 1])) + len(before)
            shown.append(f"     {'':>{width}} | {'':>{caret}}^")
    return shown


def visible(text: str) -> str:
    """The text with tabs as four blanks and unprintable characters but line feeds as escapes."""
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else "    "
        if character == "\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )
