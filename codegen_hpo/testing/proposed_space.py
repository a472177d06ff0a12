"""The space that a scripted model proposes from what it is told: a range around each number."""

import json
import re
from collections.abc import Mapping
from typing import Any

from codegen_hpo.agenthpo.proposed_dimension import number_in, require_tunable
from codegen_hpo.space import Scalar
from codegen_hpo.space_check import Unsound
from codegen_hpo.testing.tuning_prompts import Lacking, told_lines

_LISTED = re.compile(
    r'^- (".*"): (?:(?:bool|int|float|text), now (".*")|a place in the command.*|without a value now)$'
)
_MOST = re.compile(r"^- Take the hyperparameters .* at most (\d+) and ")
_REFUSED = "This reply could not be used: "


def proposed_space(request: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of propose_space. A text has no range, so it stays as it is. Raises Lacking."""
    lines = [line for line, _ in told_lines(request)]
    if refused := [line for line in lines if line.startswith(_REFUSED)]:
        raise Lacking(f"sense: {refused[-1]}")
    most = next((int(found[1]) for line in lines if (found := _MOST.match(line))), 0)
    if not most:
        raise Lacking("how many hyperparameters may be proposed")
    listed = [(json.loads(found[1]), _value(found[2])) for line in lines if (found := _LISTED.match(line))]
    listed.sort(key=lambda entry: entry[1] is not None)  # none of the places may be left out
    entries = [entry for name, value in listed if (entry := _entry(name, value)) is not None]
    if not entries:
        raise Lacking("anything that could be tuned")
    return {"hyperparameters": entries[:most]}


def _value(shown: str | None) -> Scalar | None:
    """The present value; None for a place. A long text was cut, and is taken as it is shown."""
    if shown is None:
        return None
    text: str = json.loads(shown)
    try:
        value: Scalar = json.loads(text)
    except ValueError:
        return text
    return value


def _entry(name: str, value: Scalar | None) -> dict[str, Any] | None:
    """The hyperparameter as it is sent; None if it is none."""
    try:
        require_tunable(name, value)
    except Unsound:
        return None
    fields = {"name": name, "kind": "float", "low": 1e-4, "high": 1.0, "log": True, "options": []}
    number = None if value is None else number_in(value)
    if isinstance(value, bool):
        fields |= {"kind": "bool", "low": 0, "high": 0, "log": False}
    elif number is not None:
        fields |= _around(number)
    elif value is not None:
        return None
    return {**fields, "description": "A range around what it is now."}


def _around(number: int | float) -> dict[str, Any]:
    """A tenth to ten times a number; a float between 0 and 1 stays there, for it may be a share."""
    if isinstance(number, int):
        ends = (-(-number // 10), number * 10) if number > 0 else (number * 10, max(1, -number))
        return {"kind": "int", "low": ends[0], "high": ends[1], "log": number > 0}
    high = 1.0 if 0 <= number <= 1 else abs(number) * 10
    low = number / 10 if number > 0 else number * 10
    return {"kind": "float", "low": low, "high": high, "log": number > 0}
