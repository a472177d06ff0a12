"""A CSV file with a header, as training loops and their loggers write it."""

import csv
import io
from collections import Counter

from codegen_hpo.objective.results.opening import require_few
from codegen_hpo.objective.results.rows import STEPS, Row, Told, text_cell


def read_csv(data: bytes, name: str) -> Told:
    """The rows below the header; a last line that was not written to its end is left out.

    Raises:
        UnreadableError: there are too many.
    """
    text = data.decode("utf-8-sig", errors="replace")
    lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    rows: list[Row] = []
    complaint = ""
    header: list[str] = []
    try:
        header = [cell.strip() for cell in next(lines, [])]
        for column, count in Counter(header).items():
            if count > 1:
                return Told([], f"{name} has {count} columns named {column!r:.80}")
        for cells in lines:
            if len(cells) == len(header):
                rows.append(dict(zip(header, map(text_cell, cells), strict=True)))
                require_few(len(rows), name)
            elif cells:
                complaint = (
                    f"line {lines.line_num} of {name} has {len(cells)} cells, its header {len(header)}"
                )
                break
        if complaint and not text.endswith(("\n", "\r")) and next(lines, None) is None:
            complaint = ""
    except csv.Error as error:
        complaint = f"{name} is not CSV: line {lines.line_num}: {error}"
    return Told(_without_gaps(rows, header), complaint)


def _without_gaps(rows: list[Row], header: list[str]) -> list[Row]:
    """The rows without the empty cells that another row of the same step fills.

    Some loggers write one row for training and one for validation of the same epoch; an empty cell that no
    other row fills is what pandas writes for NaN.
    """
    step = next((name for wanted in STEPS for name in header if name.lower() == wanted), None)
    if step is None:
        return rows
    filled = {(row[step], name) for row in rows for name, cell in row.items() if cell is not None}
    return [
        {name: cell for name, cell in row.items() if cell is not None or (row[step], name) not in filled}
        for row in rows
    ]
