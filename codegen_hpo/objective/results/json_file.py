"""A JSON file: a number, an object with the metric, or what a run measured epoch by epoch."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from codegen_hpo.objective.results.opening import require_few
from codegen_hpo.objective.results.rows import STEPS, Row, Told, cell_number


class _Part(NamedTuple):
    """What stands at the top of the file, or under one of its names."""

    name: str  # empty for the top
    rows: list[Row]
    single: Row  # its numbers for the whole run; those at the top are apart

    @property
    def names(self) -> list[str]:
        """Of what it holds."""
        return list(dict.fromkeys(name for row in [*self.rows, self.single] for name in row))


def read_json(data: bytes, name: str, metric: str) -> Told:
    """What the file holds.

    Rows are objects in a list, and what stands at the same place of lists of equal length, as in
    `{"epoch": [1, 2], "loss": [3.1, 2.7]}`: either at the top of the file or under one of its names. What
    several parts hold has the part's name before its own, as in `val.loss`; what stands at the top never has.

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
    top: Row = {key: part for key, part in held.items() if not _is_column(part)}
    return _joined(_parts(held, name), top, name, metric)


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


def _parts(held: Mapping[str, object], name: str) -> list[_Part]:
    parts = [_Part("", _columns(held, name), {})]
    for key, part in held.items():
        if isinstance(part, list):
            parts.append(_Part(key, _objects(part), {}))
        elif isinstance(part, dict):
            single = {one: cell for one, cell in part.items() if cell_number(cell) is not None}
            parts.append(_Part(key, _columns(part, name), single))
    return parts


def _joined(parts: list[_Part], top: Row, name: str, metric: str) -> Told:
    """What the parts hold together; the complaint tells if it is open which of them the metric is in."""
    homes: dict[str, list[str]] = {}
    for part in parts:
        for key in part.names:
            homes.setdefault(key, []).append(part.name)
    complaint = ""
    among = homes.get(metric, [])
    if metric not in top and "" not in among and len(among) > 1:
        listed = ", ".join(repr(f"{home}.{metric}"[:80]) for home in among[:5])
        complaint = f"{metric!r} is in several parts of {name}: {listed}; name one of them"
    rows: list[Row] = []
    final: Row = {}
    for part in parts:
        names = {key: key for key in part.names}
        for key in names:
            whole = f"{part.name}.{key}"
            shared = len(homes[key]) > 1 and key.lower() not in STEPS
            if part.name and (shared or whole == metric):
                names[key] = whole
        rows += [{names[key]: cell for key, cell in row.items()} for row in part.rows]
        final |= {names[key]: cell for key, cell in part.single.items()}
    return Told(rows, complaint, final | top)


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
