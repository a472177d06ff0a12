"""The end of a run on the terminal: the verdict, the table, where things are, what to do next."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.optimum import optimum_json, print_optimum
from codegen_hpo.cli.scores import print_scores
from codegen_hpo.cli.terminal import counted, plain, print_json, program
from codegen_hpo.report.verdict import more_on, verdict

if TYPE_CHECKING:
    from codegen_hpo.llm.ledger import Ledger
    from codegen_hpo.records import Trial
    from codegen_hpo.run import Run
    from codegen_hpo.store.history import History

_TOLD = 2  # reasons why a trial is disqualified: those of one function are alike


def print_outcome(run: "Run", *, as_json: bool) -> None:
    """Prints how a run stands: for people, or as JSON."""
    if as_json:
        print_json(outcome_json(run))
        return
    if aim := run.aim:
        print_optimum(run, aim)
        return
    history, task = run.history, run.task
    metric = task["metric"]
    print_scores(history, metric)
    final = history.final
    if final:
        from codegen_hpo.task import Task

        told = (verdict(history, Task.from_json(task)), *more_on(final))
        click.echo("\n".join(map(plain, told)))
        reason = history.ended or final.reason
        click.echo(plain(f"The search ended: {reason}. Time at work: {history.elapsed_s:.0f} s."))
        if final.openings > 1:
            click.echo(
                f"The test rows were opened {final.openings} times in this run: its test scores lean high."
            )
    _print_disqualified(history.disqualified)
    print_fallbacks(history.trials)
    print_ledger(run.ledger)
    click.echo(f"\nEverything is in {plain(run.path)}")
    if history.best():
        click.echo(f"  {program()} show {run.path} --code        the function that was written")
        click.echo(f"  {program()} report {run.path}             curves, columns, code and cost on one page")
        click.echo(f"  {program()} predict {run.path} NEW.csv    predictions for new rows")
        click.echo(f"  {program()} export {run.path} -o model    a folder that needs no codegen-hpo")
    else:
        click.echo(f"  {program()} show {run.path} --attempts    each text, and what was found in it")
    click.echo(f"  {resume_command(run.path, history)}   more trials")


@contextmanager
def telling_what_there_is(*, as_json: bool) -> Iterator[None]:
    """Prints how a run stands when an error ends it after a winner was found; the error goes on."""
    from codegen_hpo.errors import CodegenHpoError
    from codegen_hpo.run import Run

    try:
        yield
    except CodegenHpoError as error:
        if error.run is not None:
            run = Run.open(error.run)
            if run.history.final or (run.aim and run.history.best()):
                print_outcome(run, as_json=as_json)
        raise


def resume_command(path: Path | str, history: "History") -> str:
    """The command that goes on: with --trials alone, a run whose time is spent would end at once."""
    # a run that was killed at once has no settings yet
    budget = history.settings.get("budget") or dict.fromkeys(("seconds", "tokens", "usd"))
    options = [f"--trials {len(history.trials) + 10}"]
    if budget["seconds"]:
        options.append(f"--time {math.ceil(history.elapsed_s + budget['seconds'])}s")
    if budget["tokens"]:
        options.append(f"--max-tokens {2 * budget['tokens']}")
    if history.limit == "patience":
        options.append(f"--patience {2 * (budget['patience'] or 1)}")
    if budget["usd"]:
        options.append(f"--max-cost {2 * budget['usd']:g}")
    return f"{program()} resume {path} {' '.join(options)}"


def print_fallbacks(trials: "Sequence[Trial]") -> None:
    """Prints in how many of the model's turns another tuner stood in, if one did."""
    from codegen_hpo.tuner.turns import fallbacks_text

    if told := fallbacks_text([trial.call for trial in trials]):
        click.echo(plain(f"{told}."))


def print_ledger(ledger: "Ledger") -> None:
    """Prints what the model cost, if one was asked."""
    if ledger.total.requests:
        cost = "unknown" if ledger.cost_usd is None else f"{ledger.cost_usd:.4f} USD"
        about = " (some counted by us)" if ledger.total.estimated else ""
        click.echo(
            f"Model: {counted(ledger.total.requests, 'request')}, {ledger.total.prompt_tokens} + "
            f"{ledger.total.completion_tokens} tokens{about}, cost {cost}."
        )


def outcome_json(run: "Run") -> dict[str, Any]:
    from dataclasses import asdict

    if aim := run.aim:
        return optimum_json(run, aim)
    history = run.history
    return {
        "run": str(run.path),
        "state": history.state,
        "metric": run.task["metric"],
        "final": asdict(history.final) if history.final else None,
        "baselines": [asdict(baseline) for baseline in history.baselines],
        "disqualified": dict(history.disqualified),
        "trials": len(history.trials),
        "fallbacks": sum(bool(trial.call.fallback) for trial in history.trials),
        "candidates": len(history.candidates),
        "seconds": history.elapsed_s,
        "ledger": run.ledger.to_json(),
    }


def _print_disqualified(told: Mapping[str, str]) -> None:
    for name, reason in list(told.items())[:_TOLD]:
        click.echo(plain(f"{name} is disqualified: {reason}."))
    if len(told) > _TOLD:
        click.echo(f"{len(told) - _TOLD} more are disqualified: {', '.join(list(told)[_TOLD:])}.")
