"""`tune-script --repeats`: several searches against random search, on the terminal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen_hpo.cli.terminal import plain

if TYPE_CHECKING:
    from codegen_hpo.agenthpo.tuning import ScriptTask
    from codegen_hpo.llm.endpoint import Endpoint
    from codegen_hpo.objective.settings import SearchSettings
    from codegen_hpo.space import Space

PAGE = "milestones.md"


def tune_repeatedly(
    task: "ScriptTask",
    settings: "SearchSettings",
    endpoint: "Endpoint | None",
    folder: Path,
    repeats: int,
    *,
    loud: bool,
    as_json: bool,
    proposed: Callable[["Space"], None],
) -> None:
    """Carries out the searches, and prints and writes their milestones."""
    from codegen_hpo.bench.milestones import read_repeats
    from codegen_hpo.bench.milestones_page import draw_trajectories, milestone_tables
    from codegen_hpo.bench.plots import load_pyplot
    from codegen_hpo.bench.repeats import repeat_script

    load_pyplot()  # that matplotlib is missing is told before anything is spent
    runs = []
    for run in repeat_script(task, settings, endpoint, folder, repeats=repeats, proposed=proposed):
        runs.append(run)
        if loud:
            best = run.history.best()
            found = f"{task.goal.metric} {best.score:.5g}" if best and best.score is not None else "no value"
            click.echo(plain(f"{run.path}: {found}"), err=True)
    name = Path(task.script.folder).resolve().name
    held = read_repeats(runs, name)
    tables = milestone_tables(held)
    figure = draw_trajectories(held, folder / "milestones.png")
    listing = json.dumps(held.to_json(), indent=1)
    (folder / "milestones.json").write_text(f"{listing}\n", encoding="utf-8")
    page = folder / PAGE
    page.write_text(f"# {name}: {task.goal}\n\n{tables}\n\n![{name}]({figure.name})\n", encoding="utf-8")
    if as_json:
        click.echo(listing)
    else:
        click.echo(f"{tables}\n\n{plain(f'Everything is in {folder}; the page is {page}')}")
