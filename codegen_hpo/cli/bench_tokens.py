"""codegen-hpo bench tokens"""

import shlex
import sys
from pathlib import Path

import click

from codegen_hpo.cli.parameters import Several, Whole, columns_option, page_option

_TRIALS, _COLUMNS = 10, 20  # of the runs in which the other number varies


@click.command("tokens")
@click.argument("data", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--target", help="The column of DATA to predict.")
@columns_option("--drop", "Columns of DATA to leave out.")
@click.option("--trials", type=Several(Whole(1)), default="1,3,10,30", show_default=True, help="Of each run.")
@click.option(
    "--columns",
    type=Several(Whole(1)),
    default="5,20,100,500",
    show_default=True,
    help="Made-up tables.",
)
@page_option
def tokens(
    data: Path | None,
    target: str | None,
    drop: tuple[str, ...],
    trials: tuple[int, ...],
    columns: tuple[int, ...],
    json_file: Path | None,
) -> None:
    """What a run costs in tokens: chat and compressed prompts, by trials and by columns.

    Needs no model: its replies are scripted. Counts on DATA with 10 trials as well, if it is given.
    """
    from codegen_hpo.bench.data_page import write_page
    from codegen_hpo.bench.tokens import made_up_task, rehearse
    from codegen_hpo.bench.tokens_page import to_json, token_page, token_table
    from codegen_hpo.task import Task

    if (data is None) != (target is None):
        raise click.UsageError("DATA and --target go together")
    tasks = {count: made_up_task(count) for count in sorted({_COLUMNS, *columns})}
    runs: list[tuple[Task, int]] = [(tasks[_COLUMNS], count) for count in trials]
    runs += [(tasks[count], _TRIALS) for count in columns if count != _COLUMNS or _TRIALS not in trials]
    if data is not None and target is not None:
        runs.insert(0, (Task.from_table(data, target, drop=drop), _TRIALS))
    rehearsals = [
        rehearse(task, trials=count, history=form) for task, count in runs for form in ("compressed", "chat")
    ]
    click.echo(token_table(rehearsals))
    if json_file is not None:
        found = to_json(rehearsals, f"codegen-hpo {shlex.join(sys.argv[1:])}")
        for path in write_page(found, token_page(found), json_file.with_suffix(".md")):
            click.echo(path)
