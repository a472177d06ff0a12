"""codegen-hpo fit"""

import os
from pathlib import Path
from typing import Any

import click

from codegen_hpo.cli.parameters import (
    SEED,
    Cost,
    DeviceName,
    Duration,
    Finite,
    Price,
    columns_option,
    json_option,
    runs_option,
    sandbox_options,
    sink_option,
    workers_option,
)
from codegen_hpo.cli.tuning import TunerName, most_trials, take_tuning, trials_option, tuning_options
from codegen_hpo.tuner.names import needs_model

TRIALS = 20


@click.command("fit")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="The column to predict.")
@click.option(
    "--task",
    "kind",
    type=click.Choice(["auto", "regression", "binary", "multiclass"]),
    default="auto",
    show_default=True,
)
@click.option(
    "--metric", default="auto", show_default=True, help="rmse, mae, r2, rmsle, log_loss, accuracy, …"
)
@columns_option("--drop", "Columns to leave out, comma-separated.")
@columns_option("--categorical", "Columns to treat as categories.")
@columns_option("--datetime", "Columns to treat as dates.")
@columns_option("--text", "Columns to treat as free text.")
@click.option("--time-column", help="Train on the past of this column, test on its newest rows.")
@click.option("--group-column", help="Keep all rows of a group on one side of the split.")
@click.option("--test", type=click.Path(path_type=Path), help="Your own test table.")
@click.option("--rows", type=click.IntRange(20), help="Use a random sample of so many rows.")
@click.option("--about", default="", help="What the table is, in your words; the model reads it.")
@click.option("--model", help="The language model's name. [env: CODEGEN_HPO_MODEL]")
@click.option("--base-url", help="An OpenAI-compatible endpoint. [env: OPENAI_BASE_URL]")
@click.option("--temperature", type=Finite(0.0), help="Sent only if given; some models refuse it.")
@click.option("--cookbook", is_flag=True, help="Shipped functions; a model may tune them: --tuner llm.")
@click.option(
    "--candidates", type=click.IntRange(1, 50), help="Different functions to write. [default: 1; cookbook: 2]"
)
@trials_option(TRIALS, "Training runs")
@click.option(
    "--time", "seconds", type=Duration(), help="Wall-clock budget from when the table is read: 90s, 30m, 2h."
)
@click.option(
    "--trial-time",
    type=Duration(),
    help="Training time of one trial.  [default: 5m, at most a third of --time]",
)
@click.option(
    "--folds",
    type=click.IntRange(1, 20),
    help="Train each call so often, each time without one fold, and average. "
    "[default: 5 below 3,000 rows, else 1]",
)
@click.option(
    "--reseed",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Best calls trained once more on a fresh seed, out of --trials. 0: none.",
)
@click.option(
    "--ensemble",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Most trained models averaged in the final one. 1: the best alone.",
)
@click.option(
    "--prune",
    type=click.Choice(["off", "median", "quarter"]),
    default="off",
    show_default=True,
    help="Stop a trial whose curve falls behind the better half, or quarter, of the earlier ones.",
)
@click.option("--max-tokens", type=click.IntRange(1), help="Tokens of the model, in and out, in all.")
@click.option("--max-cost", type=Cost(), help="US dollars for the model; needs --price.")
@click.option("--price", type=Price(), help="USD per million tokens, in and out: 0.15,0.60.")
@click.option("--patience", type=click.IntRange(1), help="Stop after this many trials without improvement.")
@click.option("--tuner", type=TunerName(), help="[default: llm with a model, else tpe]")
@tuning_options
@click.option(
    "--parallel",
    type=click.IntRange(1),
    help="Trials at once, or folds of one. [default: one a GPU, else one a core, up to 4]",
)
@click.option(
    "--repairs", type=click.IntRange(0), default=5, show_default=True, help="Mended attempts a candidate."
)
@click.option(
    "--reply-time", type=Duration(), default="5m", show_default=True, help="For one reply of the model."
)
@click.option("--reply-tokens", type=click.IntRange(1), help="Longest reply. [default: the server's own]")
@click.option("--private", is_flag=True, help="Mask column names and send no values to the model.")
@sandbox_options
@click.option("--device", type=DeviceName(), default="auto", show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="CPU threads of a trial. [default: its share of the cores, up to 4]",
)
@click.option(
    "--memory",
    "memory_gib",
    type=Finite(0.5),
    default=4.0,
    show_default=True,
    help="GiB of a trial.",
)
@click.option("--seed", type=SEED, default=0, show_default=True)
@workers_option
@sink_option
@runs_option
@click.option("--dry-run", is_flag=True, help="Show what was decided about the table, and stop.")
@click.option("-v", "--verbose", is_flag=True, help="Show every exchange with the model.")
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
@json_option
def command(data: Path, as_json: bool, quiet: bool, verbose: bool, dry_run: bool, **options: Any) -> None:
    """Fit DATA (CSV, gzip or Parquet): a function is written, checked, run and tuned.

    Without OPENAI_API_KEY, OPENAI_BASE_URL or --base-url the cookbook's functions are tuned with TPE.
    """
    if options["max_cost"] is not None and options["price"] is None:
        raise click.UsageError("--max-cost needs --price: the cost of an unknown model is unknown, not zero")
    from codegen_hpo.cli.live import following
    from codegen_hpo.cli.outcome import print_outcome, telling_what_there_is
    from codegen_hpo.cli.terminal import plain, print_json
    from codegen_hpo.engine.settings import Budget
    from codegen_hpo.fitting import fit
    from codegen_hpo.task import Task

    loud = not quiet and not as_json
    columns = {name: options[name] for name in ("drop", "categorical", "datetime", "text")}
    of_rows = ("time_column", "group_column", "test", "rows", "about", "seed")
    splits = {name: options[name] for name in of_rows}
    task = Task.from_table(
        data, options["target"], kind=options["kind"], metric=options["metric"], **columns, **splits
    ).in_folds(options["folds"])
    if dry_run and as_json:
        print_json(task.to_json())
    elif not quiet:
        click.echo(plain(task), err=not dry_run)
    if dry_run:
        return
    with (
        telling_what_there_is(as_json=as_json),
        following(task.metric.name, loud=loud, verbose=verbose) as telling,
    ):
        run = fit(
            task,
            budget=Budget(
                trials=most_trials(options, TRIALS, by_model=_by_model(options)),
                seconds=options["seconds"],
                tokens=options["max_tokens"],
                usd=options["max_cost"],
                patience=options["patience"],
            ),
            sinks=(*options["sinks"], *telling),
            threads=options["threads"],
            memory_bytes=int(options["memory_gib"] * 2**30),
            tuning=take_tuning(options),
            trial_s=options["trial_time"],
            reply_s=options["reply_time"],
            reply_tokens=options["reply_tokens"],
            **{
                name: options[name]
                for name in (
                    "model",
                    "base_url",
                    "temperature",
                    "cookbook",
                    "candidates",
                    "tuner",
                    "parallel",
                    "workers",
                    "folds",
                    "reseed",
                    "ensemble",
                    "prune",
                    "repairs",
                    "private",
                    "sandbox",
                    "unsafe",
                    "device",
                    "seed",
                    "price",
                    "runs",
                )
            },
        )
    print_outcome(run, as_json=as_json)


def _by_model(options: dict[str, Any]) -> bool:
    """Whether a model proposes the trials."""
    from codegen_hpo.llm.endpoint import Endpoint

    if options["tuner"]:
        return needs_model(options["tuner"])
    return not options["cookbook"] and Endpoint.is_named(options["base_url"], os.environ)
