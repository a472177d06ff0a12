"""What a command printed: the matches of a pattern, or lines that are numbers or JSON objects."""

import json
import re

from codegen_hpo.objective.results.rows import Row, Told, number


def read_matches(output: str, pattern: str, metric: str) -> Told:
    """What the one group of the pattern matched, one in a row."""
    rows: list[Row] = [{metric: _cell(found)} for found in re.findall(pattern, output, re.MULTILINE)]
    return Told(rows, "" if rows else f"nothing in its output matches {pattern!r}")


def read_lines(output: str, metric: str) -> Told:
    """The lines that are a number, which is the metric's, or a JSON object; others are passed over."""
    rows = [row for line in output.splitlines() if (row := _row(line, metric)) is not None]
    if any(metric in row for row in rows):
        return Told(rows)
    return Told(rows, f"no line of its output is a number, or a JSON object with {metric!r}")


def _row(line: str, metric: str) -> Row | None:
    try:
        return {metric: number(line)}
    except ValueError:
        pass
    try:
        held = json.loads(line) if line.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) else None


def _cell(text: str) -> object:
    try:
        return number(text)
    except ValueError:
        return text
