"""The host's own gates: what reads a program's text, and what makes its error fit for a prompt."""

import re
import unicodedata
from functools import cache

from codegen_hpo.contract.apart import read_candidate_apart
from codegen_hpo.llm.prompts import fenced
from codegen_hpo.records import Outcome
from codegen_hpo.sandbox.plain_text import ERROR_BYTES, plain

_STOPPED = ("", "patience", "epochs", "time", "nan", "pruned")
_LARGE = 2**63
_BLOCK = re.compile(r"\A(`{3,})\n(.*)\n\1\Z", re.DOTALL)


@cache
def text_faults(source: str) -> tuple[str, ...]:
    """What is wrong with how the static gates answer a text: it must be a candidate or findings."""
    verdict = read_candidate_apart(source, name="attack", author="attack")
    if (verdict.candidate is None) == (not verdict.findings):
        return ("the static gates gave neither a candidate nor findings",)
    return ()


def error_faults(error: str) -> list[str]:
    """What is wrong with an outcome's error as text of a record, a terminal and a prompt."""
    faults = []
    if error != plain(error) or any(_drives(character) for character in error):
        faults.append("the error holds characters that steer a display")
    if len(error.encode("utf-8", "surrogatepass")) > ERROR_BYTES:
        faults.append(f"the error has more than {ERROR_BYTES} bytes")
    block = _BLOCK.match(fenced(error))
    if block is None or block[1] in block[2]:
        faults.append("the error gets out of its fence in a prompt")
    return faults


def told_faults(outcome: Outcome) -> list[str]:
    """What is wrong with an outcome as it is told to a model, a record and a terminal."""
    faults = error_faults(outcome.error)
    # these stand in prompts and tables without a fence
    if outcome.stopped not in _STOPPED:
        faults.append(f"it stopped by words of its own: {outcome.stopped!r}")
    if any(not 0 <= n < _LARGE for n in (outcome.parameters, outcome.best_epoch, outcome.line or 0)):
        faults.append("it has a number that is too large to be shown")
    return faults


def _drives(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in "\n\t"
