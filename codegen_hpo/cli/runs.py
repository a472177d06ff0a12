"""codegen-hpo runs"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from codegen_hpo.cli.parameters import json_option, runs_option

_WIDEST = 40  # characters: a command is longer than the name of a column


@click.command("runs")
@runs_option
@json_option
def command(runs: Path, as_json: bool) -> None:
    """List the runs, newest last."""
    from codegen_hpo.cli.terminal import number, print_json, print_table
    from codegen_hpo.errors import ConfigError
    from codegen_hpo.store.folder import RunFolder, list_all_runs
    from codegen_hpo.store.history import read_history, read_task

    rows, broken = [], []
    for path in list_all_runs(runs):
        try:
            folder = RunFolder.open(path)
            history = read_history(folder)
            best, final = history.best(), history.final
            task = history.objective or (read_task(folder) if (path / "task.json").is_file() else {})
        except ConfigError as error:
            broken.append(str(error))
            continue
        rows.append(
            {
                "run": path.relative_to(runs).as_posix(),
                "state": history.state,
                "target": _target(task),
                "metric": task.get("metric"),
                "best": final.validation_score if final else best.score if best else None,
                "test": final.test_score if final else None,
                "candidates": len(history.candidates),
                "trials": len(history.trials),
                "seconds": round(history.elapsed_s, 1),
            }
        )
    if as_json:
        print_json({"runs": rows, "unreadable": broken})
        return
    if not rows and not broken:
        click.echo(f"no runs below {runs}; codegen-hpo fit DATA --target COLUMN makes one", err=True)
        return
    if rows:
        print_table(list(rows[0]), [[_cut(number(value)) for value in row.values()] for row in rows])
    for line in broken:
        click.echo(f"unreadable: {line}", err=True)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _target(task: Mapping[str, Any]) -> str | None:
    """The column that is predicted, or what was tuned."""
    if "space" not in task:
        return task.get("target")
    if task.get("script"):
        return str(task["script"]["command"])
    return task["command"]["text"] if task["command"] else "a Python function"
