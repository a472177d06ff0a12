"""A JSON file: a number, an object with the metric, or what a run measured epoch by epoch."""

import json
from collections.abc import Mapping

from codegen_hpo.objective.results.opening import require_few
from codegen_hpo.objective.results.rows import Row, Told


def read_json(data: bytes, name: str, metric: str) -> Told:
    """What the file holds.

    Rows are objects in a list, and what stands at the same place of lists of equal length, as in
    `{"epoch": [1, 2], "loss": [3.1, 2.7]}`: either at the top of the file or under one of its names.

    Raises:
        UnreadableError: there are too many rows.
    """
    try:
        held = json.loads(data)
    except (ValueError, RecursionError) as error:
        return Told([], f"{name} is not JSON: {error}")
    if isinstance(held, list):
        rows = _objects(held)
        expected = f"expected a number, an object with {metric!r}, or a list of such objects"
        return Told(rows, "" if rows else f"{name} is {held!r:.80}, {expected}")
    if not isinstance(held, dict):
        return Told([], final={metric: held})
    rows = _columns(held, name)
    for part in held.values():
        if isinstance(part, list):
            rows += _objects(part)
        elif isinstance(part, dict):
            rows += _columns(part, name)
    return Told(rows, final={key: part for key, part in held.items() if not _is_column(part)})


def read_json_lines(data: bytes, name: str) -> Told:
    """What the lines hold, one object each; a last line that was not written to its end is left out.

    Raises:
        UnreadableError: there are too many.
    """
    rows: list[Row] = []
    lines = data.split(b"\n")
    for count, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            held = json.loads(line)
        except (ValueError, RecursionError):
            held = None
        if isinstance(held, dict):
            rows.append(held)
            require_few(len(rows), name)
        elif count < len(lines):
            return Told(rows, f"line {count} of {name} is no JSON object: {line[:80]!r}")
    return Told(rows)


def _objects(held: list[object]) -> list[Row]:
    return [part for part in held if isinstance(part, dict)]


def _columns(held: Mapping[str, object], name: str) -> list[Row]:
    columns = {key: part for key, part in held.items() if isinstance(part, list) and _is_column(part)}
    lengths = dict.fromkeys(map(len, columns.values()))
    require_few(sum(lengths), name)
    rows: list[Row] = []
    for length in lengths:
        alike = {key: part for key, part in columns.items() if len(part) == length}
        rows += [{key: part[place] for key, part in alike.items()} for place in range(length)]
    return rows


def _is_column(part: object) -> bool:
    return isinstance(part, list) and bool(part) and not any(isinstance(one, list | dict) for one in part)
