"""codegen-hpo datasets"""

import shlex
from pathlib import Path

import click

from codegen_hpo.cli.parameters import json_option


@click.group("datasets")
def command() -> None:
    """Sample tables and example tasks, and public tables to fetch."""


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Say which tables there are, where they come from and under which licence."""
    from dataclasses import asdict

    from codegen_hpo.cli.terminal import print_json, print_table
    from codegen_hpo.table.datasets import list_datasets

    datasets = list_datasets()
    if as_json:
        print_json({"datasets": [asdict(dataset) for dataset in datasets]})
        return
    rows = [[d.name, d.target, "shipped" if d.file else "to fetch", d.about, d.licence] for d in datasets]
    print_table(["name", "target", "where", "what", "licence"], rows)


@command.command("path")
@click.argument("name")
def path_command(name: str) -> None:
    """Print the path of the shipped table NAME."""
    from codegen_hpo.table.datasets import dataset_path

    click.echo(dataset_path(name))


@command.command("fetch")
@click.argument("name", type=click.Choice(["nyc-taxi"]))
@click.option(
    "--month", "months", multiple=True, help="2023-01 to 2023-06; may be repeated. [default: all six]"
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="[default: the user's cache folder]",
)
def fetch_command(name: str, months: tuple[str, ...], folder: Path | None) -> None:
    """Bring the real NYC taxi trip records: months of about 50 MB, with checksums."""
    import platformdirs

    from codegen_hpo.table.datasets import TRIP_MONTHS, fetch_nyc_taxi

    place = folder or Path(platformdirs.user_cache_dir("codegen-hpo")) / name
    for path in fetch_nyc_taxi(months or TRIP_MONTHS, place):
        click.echo(path)


@command.command("tasks")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Copy them into this folder."
)
@json_option
def tasks_command(names: tuple[str, ...], folder: Path | None, as_json: bool) -> None:
    """Training scripts to try `tune-script` on: list them, or with --to copy all or those named."""
    from codegen_hpo.cli.terminal import print_json, print_table
    from codegen_hpo.table.example_tasks import TASKS, copy_tasks, example_task

    tasks = [example_task(name) for name in dict.fromkeys(names)] or list(TASKS)
    places = [str(path) for path in copy_tasks(tasks, folder)] if folder else []
    if as_json:
        facts = [
            {
                "name": task.name,
                "metric": task.metric,
                "about": task.about,
                "needs": list(task.needs),
                "command": shlex.join(task.words),
            }
            for task in tasks
        ]
        print_json({"tasks": facts, "copied": places})
    elif folder:
        for task, place in zip(tasks, places, strict=True):
            click.echo(f"cd {shlex.quote(place)} && {shlex.join(task.words)}")
    else:
        rows = [
            [t.name, t.config or t.constants or "the command", t.metric, t.about, ", ".join(t.needs)]
            for t in tasks
        ]
        print_table(["name", "values in", "maximise", "what", "needs"], rows)
