"""The reports as Markdown: one table for all back ends, then what was not contained."""

from collections.abc import Sequence

from codegen_hpo.llm.prompts import quoted
from codegen_hpo.testing.attacks.run import Report, Result

_HOW = """\
Each program is run as a job of its own with the static check bypassed, in a worker that serves all of them.
After each, a control trial runs in the same worker and must give the same predictions, weights and losses,
byte for byte. *contained* means: the program did not say that it got through; a secret that was planted in
the host's environment and files is in nothing that came back; nobody reached the host's listeners (TCP, UDP,
unix and abstract sockets); a process and a folder of the same user are as before; no process and no new
worker is there; it never held more than two and a half times its memory limit, the worker's own pages
included; the status is one that was expected; its predictions are no better than they can be without
the labels, which the host keeps; its error is plain text that stays in its fence in a prompt; and the static
gates answered its text. Seconds are the job's, with the control trial beside it left out.\
"""


def markdown(reports: Sequence[Report], facts: Sequence[str], command: str) -> str:
    """The whole page: how it was made, the verdicts, and a row for each program."""
    parts = [
        "# Hostile programs",
        f"Made by `{command}`; do not edit.",
        _HOW,
        _lines(facts),
        _summary(reports),
    ]
    if faults := _faults(reports):
        parts += ["## Not contained", faults]
    return "\n\n".join([*parts, "## Programs", _table(reports)]) + "\n"


def _lines(facts: Sequence[str]) -> str:
    return "\n".join(f"- {fact}" for fact in facts)


def _summary(reports: Sequence[Report]) -> str:
    rows = ["| sandbox | programs | contained | seconds in all | python, torch |", "|---|---|---|---|---|"]
    for report in reports:
        contained = sum(result.contained for result in report.results)
        rows.append(
            f"| {report.sandbox} | {len(report.results)} | {contained} | {report.seconds:.0f} "
            f"| {report.python}, {report.torch} |"
        )
    return "\n".join(rows)


def _faults(reports: Sequence[Report]) -> str:
    lines = []
    for report in reports:
        for result in report.results:
            if not result.contained:
                lines.append(f"- {result.name} in {report.sandbox}: {_cell('; '.join(result.faults), 200)}")
        if report.left:
            lines.append(f"- after the end of {report.sandbox}: {report.left}")
    if any(report.sandbox == "none" for report in reports):
        lines.append("\n`none` is no wall: what gets through it is told for comparison.")
    return "\n".join(lines)


def _table(reports: Sequence[Report]) -> str:
    names = [report.sandbox for report in reports]
    rows = [
        "| program | category | " + " | ".join(f"{name}: contained · how · s" for name in names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    columns = [{result.name: result for result in report.results} for report in reports]
    programs = {result.name: result for report in reports for result in report.results}
    for name, result in programs.items():
        cells = [_verdict(column.get(name)) for column in columns]
        rows.append(f"| {_cell(name, 60)} | {result.category} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _verdict(result: Result | None) -> str:
    if result is None:
        return "not run"
    word = "yes" if result.contained else "**NOT**"
    return f"{word} · {_cell(result.how, 80)} · {result.seconds:.2f}"


def _cell(text: str, characters: int) -> str:
    """A hostile text as one cell: its marks are escaped, nothing in it is a link or a tag."""
    plain = quoted(text, characters)[1:-1].replace("\\u0060", "'")
    return "".join("\\" + c if c in "|*_[]\\" else c for c in plain).replace('\\\\"', '"')
