"""The first gate: may the text be handed to a parser at all?"""

import re
import unicodedata

from codegen_hpo.records import Finding

MAX_BYTES = 64 * 1024

_LINE_END = re.compile(r"\r\n|\n")
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263


def source_lines(source: str) -> list[str]:
    """The lines as the parser counts them; `str.splitlines` also splits at form feeds and U+2028."""
    return _LINE_END.split(source)


def text_findings(source: str) -> list[Finding]:
    """What keeps the text from being parsed: size, surrogates, control characters, a coding cookie."""
    size = len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"the source has {size:,} bytes, at most {MAX_BYTES:,} are read"
        return [_finding("size", message, hint="write one function and the few modules it needs")]
    if not source.strip():
        hint = "write the complete file, with the function make_model_and_optimizer"
        return [_finding("empty", "the source is empty", hint=hint)]
    lines = source_lines(source)
    findings = [
        _finding("character", f"the character U+{ord(found):04X} stands here", number, column, _remedy(found))
        for number, line in enumerate(lines, 1)
        for column, found in enumerate(line, 1)
        if _refused(found)
    ]
    for number, line in enumerate(lines[:2], 1):
        cookie = _COOKIE.match(line)
        if cookie and cookie.group(1).lower() not in {"utf-8", "utf8"}:
            # a file read by its cookie would be another program than the text that was checked
            message = f"the source declares the encoding {cookie.group(1)!r:.40}, expected utf-8"
            findings.append(_finding("encoding", message, number, 1, "leave the encoding comment out"))
    return findings


def _refused(character: str) -> bool:
    if character.isprintable():
        return False
    # Cc, Cs: control characters and surrogates; Cf: marks that make code read otherwise than it runs
    return character != "\t" and unicodedata.category(character) in {"Cc", "Cs", "Cf"}


def _remedy(character: str) -> str:
    return (
        "end lines with a line feed" if character == "\r" else "write plain text without invisible characters"
    )


def _finding(
    rule: str, message: str, line: int | None = None, column: int | None = None, hint: str = ""
) -> Finding:
    return Finding(gate="text", rule=rule, message=message, line=line, column=column, hint=hint)
