"""codegen-hpo resume"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen_hpo.cli.parameters import (
    Cost,
    Duration,
    find_run,
    json_option,
    run_argument,
    sandbox_options,
    sink_option,
    workers_option,
)

if TYPE_CHECKING:
    from codegen_hpo.run import Run


@click.command("resume")
@run_argument
@click.option("--trials", type=click.IntRange(1), help="Trials in all, those done included.")
@click.option("--time", "seconds", type=Duration(), help="Wall-clock budget in all, time spent included.")
@click.option("--max-tokens", type=click.IntRange(1), help="Tokens in all.")
@click.option("--max-cost", type=Cost(), help="US dollars in all.")
@click.option("--patience", type=click.IntRange(1), help="Stop after this many trials without improvement.")
@click.option("--base-url", help="The endpoint, if it is not the recorded one.")
@click.option(
    "--trust-command",
    is_flag=True,
    allow_from_autoenv=False,  # it is said now, or not at all
    help="Of `tune`, `tune-script`: run what RUN names.",
)
@click.option(
    "--here",
    is_flag=True,
    help="Of these: go on though this working folder is another one, or the script has changed.",
)
@sandbox_options
@workers_option
@sink_option
@click.option("-v", "--verbose", is_flag=True, help="Show every exchange with the model.")
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
@json_option
def command(
    run: str,
    runs: Path,
    trials: int | None,
    seconds: float | None,
    max_tokens: int | None,
    max_cost: float | None,
    patience: int | None,
    base_url: str | None,
    trust_command: bool,
    here: bool,
    sandbox: str,
    unsafe: bool,
    workers: str | None,
    sinks: tuple[str, ...],
    verbose: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Carry on RUN where it was stopped, or give it more budget.

    What was done is not done again: recorded replies and trials are read, the rest goes on.
    """
    from codegen_hpo.cli.live import following
    from codegen_hpo.cli.outcome import print_outcome, telling_what_there_is
    from codegen_hpo.cli.terminal import counted
    from codegen_hpo.run import Run

    opened = Run.open(find_run(run, runs))
    loud = not quiet and not as_json
    history = opened.history
    if loud:
        click.echo(f"{history.name}: {counted(len(history.trials), 'trial')} recorded; going on", err=True)
    trusted = trust_command or _agreed(opened)
    with (
        telling_what_there_is(as_json=as_json),
        following(
            opened.metric.name, loud=loud, verbose=verbose, earlier=tuple(opened.folder.events)
        ) as telling,
    ):
        opened.resume(
            trials=trials,
            seconds=seconds,
            tokens=max_tokens,
            usd=max_cost,
            patience=patience,
            base_url=base_url,
            trust_command=trusted,
            here=here,
            sandbox=sandbox,
            unsafe=unsafe,
            workers=workers,
            sinks=(*sinks, *telling),
        )
    print_outcome(opened, as_json=as_json)


def _agreed(run: "Run") -> bool:
    """Whether the one at the terminal agrees to the command that the run's folder names."""
    command = run.aim.commanded if run.aim else None
    if command is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm(f"This runs, {command.how}:  {command.text!r}\nGo on?", err=True)
