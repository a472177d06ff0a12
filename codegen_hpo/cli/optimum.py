"""The end of a search over an objective, on the terminal: the best arguments, where things are, what next."""

import json
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.terminal import number, plain, print_table, program

if TYPE_CHECKING:
    from codegen_hpo.objective.settings import Aim
    from codegen_hpo.records import Trial
    from codegen_hpo.run import Run

_SHOWN = 5  # trials in the table, the best ones


def print_optimum(run: "Run", aim: "Aim") -> None:
    """Prints how the run of an objective stands."""
    from codegen_hpo.agenthpo.companion import LOG
    from codegen_hpo.agenthpo.standing import no_effect
    from codegen_hpo.cli.outcome import print_fallbacks, print_ledger, resume_command
    from codegen_hpo.cli.terminal import counted
    from codegen_hpo.records import ranked

    history = run.history
    trials = ranked(history.trials)
    failed = sum(trial.loss is None for trial in history.trials)
    title = f"{aim.metric}, {'higher' if aim.maximize else 'lower'} is better; "
    title += f"{counted(len(history.trials), 'trial')}, {failed} failed"
    if trials:
        print_table(
            ["trial", "proposed by", aim.metric, "seconds", "arguments"],
            [_row(trial) for trial in trials[:_SHOWN]],
            title=title,
        )
        click.echo(plain(f"Best: {trials[0].name}, {aim.metric} {number(trials[0].score)}"))
        for name, value in trials[0].call.arguments.items():
            click.echo(plain(f"  {name} = {json.dumps(value)}"))
    else:
        click.echo(f"{title}: no value was found")
    if aim.script and (said := no_effect(trials)):
        click.echo(f"Warning: {said}.")
    if history.ended:
        click.echo(plain(f"The search ended: {history.ended}. Time at work: {history.elapsed_s:.0f} s."))
    print_fallbacks(history.trials)
    print_ledger(run.ledger)
    click.echo(f"\nEverything is in {plain(run.path)}")
    click.echo(f"  {program()} show {run.path} --trials    each call and what came of it")
    if aim.script:
        click.echo(f"  {run.path / LOG}    why each value was chosen, and what came of it")
    if aim.commanded:
        click.echo(f"  {resume_command(run.path, history)}   more trials")


def optimum_json(run: "Run", aim: "Aim") -> dict[str, Any]:
    """The same as data."""
    history = run.history
    best = history.best()
    return {
        "run": str(run.path),
        "state": history.state,
        "metric": aim.metric,
        "maximize": aim.maximize,
        "best": {"trial": best.name, "value": best.score, "arguments": dict(best.call.arguments)}
        if best
        else None,
        "trials": len(history.trials),
        "failed": sum(trial.loss is None for trial in history.trials),
        "fallbacks": sum(bool(trial.call.fallback) for trial in history.trials),
        "ended": history.ended,
        "seconds": history.elapsed_s,
        "ledger": run.ledger.to_json(),
    }


def _row(trial: "Trial") -> list[str]:
    arguments = " ".join(f"{name}={number(value)}" for name, value in trial.call.arguments.items())
    return [
        trial.name,
        trial.call.proposed_by,
        number(trial.score),
        f"{trial.outcome.seconds:.1f}",
        arguments,
    ]
