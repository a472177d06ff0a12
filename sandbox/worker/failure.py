"""What went wrong in a candidate, as a rule, a short text and a line of its source."""

import traceback
from typing import NamedTuple

SOURCE_NAME = "candidate.py"
_LIMIT = 2000  # characters
_MESSAGE_LIMIT = 1200


class ContractError(Exception):
    """The candidate runs but does not keep the contract: `rule` names the broken clause."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class NoFiniteEpochError(Exception):
    """Training never had a finite loss."""


class Failure(NamedTuple):
    status: str  # "contract", "nan" or "error"
    rule: str  # of a ContractError, else "exception"
    error: str
    line: int | None  # 1-based, of the candidate's source


def describe(error: BaseException) -> Failure:
    """The failure that an exception stands for: frames of the candidate only, then its message."""
    try:
        return _described(error)
    except BaseException:  # any attribute of it may be the candidate's own code
        return Failure("error", "exception", "an exception that cannot be described", None)


def _described(error: BaseException) -> Failure:
    line = _line(error)
    if isinstance(error, ContractError):
        return Failure("contract", error.rule, _text(error), line)
    if isinstance(error, NoFiniteEpochError):
        return Failure("nan", "loss", _text(error), line)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == SOURCE_NAME]
    shown = [f"  line {frame.lineno}, in {frame.name}\n    {frame.line}" for frame in frames[-6:]]
    message = f"{type(error).__name__}: {_text(error)}".rstrip(": ")
    return Failure("error", "exception", "\n".join([*shown, message])[-_LIMIT:], line)


def _line(error: BaseException) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == SOURCE_NAME:
        return error.lineno
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == SOURCE_NAME]
    return lines[-1] if lines else None


def _text(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the code ended the process with exit status {error.code!r:.40}; it must return"
    try:
        text = str(error)
    except Exception as second:  # a __str__ of the candidate may raise anything
        return f"(its text cannot be shown: {type(second).__name__})"
    return (
        text
        if len(text) <= _MESSAGE_LIMIT
        else f"{text[: _MESSAGE_LIMIT // 2]} … {text[-_MESSAGE_LIMIT // 2 :]}"
    )
