"""What a command printed: the matches of a pattern, or lines that name the metric or are a number."""

import json
import re

from codegen_hpo.objective.results.rows import Row, Told, number

_ELSEWHERE = "--pattern or --result-file reads a value that stands elsewhere"


def read_matches(output: str, pattern: str, metric: str) -> Told:
    """What the one group of the pattern matched, one in a row."""
    rows: list[Row] = [{metric: _cell(found)} for found in re.findall(pattern, output, re.MULTILINE)]
    return Told(rows, "" if rows else f"nothing in its output matches {pattern!r}")


def read_lines(output: str, metric: str, *, named: bool) -> Told:
    """The lines that are a JSON object, or `METRIC: NUMBER` or `METRIC = NUMBER`; others are passed over.

    Args:
        output: what was printed.
        metric: the value's name.
        named: whether the value must stand beside its name. If not, and if no line names it, lines that are
            a number count: such a line may as well be a count, or a time.
    """
    lines = output.splitlines()
    rows = [row for line in lines if (row := _row(line, metric)) is not None]
    if any(metric in row for row in rows):
        return Told(rows)
    wanted = f"a JSON object with {metric!r}, or '{metric}: NUMBER'"
    if named:
        return Told(rows, f"no line of its output is {wanted}; {_ELSEWHERE}")
    rows = [row for line in lines if (row := _bare(line, metric) or _row(line, metric)) is not None]
    found = any(metric in row for row in rows)
    return Told(rows, "" if found else f"no line of its output is a number, {wanted}; {_ELSEWHERE}")


def _row(line: str, metric: str) -> Row | None:
    text = line.strip()
    if text.startswith(metric):
        value = text.removeprefix(metric).lstrip()
        return _bare(value[1:], metric) if value[:1] in (":", "=") else None
    try:
        held = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) else None


def _bare(text: str, metric: str) -> Row | None:
    try:
        return {metric: number(text)}
    except ValueError:
        return None


def _cell(text: str) -> object:
    try:
        return number(text)
    except ValueError:
        return text
