"""A run in a notebook: what it came to, and its leaderboard."""

from codegen_hpo.assistant.record import Record
from codegen_hpo.notebook import shown_html
from codegen_hpo.report.summary import sentences, title
from codegen_hpo.report.tables import leaderboard

_ROWS = 8


def run_html(record: Record) -> str:
    """The run as HTML, every text of it escaped."""
    history, metric = record.history, record.metric
    if record.task is None and record.aim is None:
        return shown_html(history.name, ["stopped before its data was prepared"], (), ())
    rows = [
        (f"{row.name} {row.candidate}", row.proposed_by, row.validation, row.test, row.seconds, row.note)
        for row in leaderboard(history, metric, _ROWS)
    ]
    columns = ("model", "proposed by", f"validation {metric.name}", "test", "seconds", "")
    return shown_html(f"{title(record)} ({history.state})", sentences(record), columns, rows)
