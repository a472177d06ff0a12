"""codegen-hpo compare"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.fit import TRIALS
from codegen_hpo.cli.fit import command as fit_command
from codegen_hpo.cli.parameters import SEED, json_option
from codegen_hpo.cli.tuning import most_trials, parallel_option, take_tuning, tuning_options
from codegen_hpo.tuner.names import needs_model

if TYPE_CHECKING:
    from codegen_hpo.bench.compare import Conditions
    from codegen_hpo.bench.comparison import Comparison, Mean, Result
    from codegen_hpo.task import Task

# options that mean here what they mean to `fit`: those of the table, and those that all runs have alike
_TABLE = (
    "kind",
    "metric",
    "drop",
    "categorical",
    "datetime",
    "text",
    "time_column",
    "group_column",
    "test",
    "rows",
)
_ALIKE = (
    "model",
    "base_url",
    "temperature",
    "private",
    "sandbox",
    "unsafe",
    "device",
    "threads",
    "price",
    "reply_tokens",
)
_RENAMED = ("trials", "seconds", "trial_time", "max_tokens", "max_cost", "reply_time", "memory_gib")
_SHARED = ("about", "cookbook", *_TABLE, *_ALIKE, *_RENAMED)


@click.command("compare")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--target", required=True, help="The column to predict.")
@click.option("--tuners", default="random,tpe", show_default=True, help="Names, comma-separated.")
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="Runs of each tuner.")
@click.option(
    "--source",
    "file",
    type=click.Path(path_type=Path),
    help="A file with the function to compare on. [default: the model writes one, else the cookbook's first]",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of the split, which all runs share.")
@click.option(
    "-o",
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    help="The comparison's folder. [default: comparisons/DATA-TARGET]",
)
@tuning_options
@parallel_option
@click.option("-q", "--quiet", is_flag=True, help="Print the table only.")
@json_option
def command(
    data: Path,
    target: str,
    tuners: str,
    seeds: int,
    file: Path | None,
    folder: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare tuners on one function of DATA: every run gets the same budget (--trials, --time) and split.

    The same command goes on where it was stopped, and more --seeds or --tuners extend what there is. Each run
    is an ordinary one below the comparison's folder: codegen-hpo show opens it.
    """
    from codegen_hpo.bench.compare import compare
    from codegen_hpo.cli.terminal import plain, print_json, program
    from codegen_hpo.errors import CodegenHpoError, ConfigError
    from codegen_hpo.task import Task

    if options["max_cost"] is not None and options["price"] is None:
        raise click.UsageError("--max-cost needs --price: the cost of an unknown model is unknown, not zero")
    names = [name.strip() for name in tuners.split(",") if name.strip()]
    task = Task.from_table(
        data, target, about=options["about"], seed=options["seed"], **{name: options[name] for name in _TABLE}
    )
    place = folder or Path("comparisons") / f"{data.name.partition('.')[0]}-{target}"
    if not quiet:
        click.echo(plain(task), err=True)
    try:
        comparison = compare(
            task,
            place,
            tuners=names,
            seeds=seeds,
            source=_read(file) if file else None,
            cookbook=options["cookbook"],
            conditions=_conditions(options, names),
            on_result=lambda result: None if quiet else _follow(result, task),
        )
    except (CodegenHpoError, KeyboardInterrupt) as stopped:
        if not isinstance(stopped, ConfigError):
            click.echo(f"what was finished is kept in {plain(place)}; the same command goes on", err=True)
        if isinstance(stopped, CodegenHpoError):
            stopped.run = None  # a run of a comparison is not resumed by itself
            raise
        raise KeyboardInterrupt from None
    if as_json:
        print_json(comparison.to_json())
        return
    print_comparison(comparison)
    click.echo(f"\nThe function is in {plain(place / 'candidate.py')}, each run below {plain(place)}.")
    click.echo(f"  {program()} show {plain(place / comparison.results[0].run)}")


command.params[-2:-2] = [option for option in fit_command.params if option.name in _SHARED]


def _read(file: Path) -> str:
    from codegen_hpo.errors import reading

    with reading(file):
        # bytes that are no UTF-8 become surrogates, which the text gate names
        return file.read_bytes().decode("utf-8", "surrogateescape")


def _conditions(options: dict[str, Any], tuners: list[str]) -> "Conditions":
    from codegen_hpo.bench.compare import Conditions
    from codegen_hpo.engine.settings import Budget

    return Conditions(
        budget=Budget(
            trials=most_trials(options, TRIALS, by_model=any(map(needs_model, tuners))),
            seconds=options["seconds"],
            tokens=options["max_tokens"],
            usd=options["max_cost"],
        ),
        tuning=take_tuning(options),
        trial_s=options["trial_time"],
        reply_s=options["reply_time"],
        parallel=options["parallel"],
        memory_bytes=int(options["memory_gib"] * 2**30),
        **{name: options[name] for name in _ALIKE},
    )


def _follow(result: "Result", task: "Task") -> None:
    from codegen_hpo.cli.terminal import number

    click.echo(
        f"{result.tuner}, seed {result.seed}: {task.metric.name} {number(result.validation)} on validation, "
        f"{number(result.test)} on test, {result.seconds:.0f} s",
        err=True,
    )


def print_comparison(comparison: "Comparison") -> None:
    """Prints the table, and how it is to be read."""
    from codegen_hpo.cli.terminal import counted, number, plain, print_table

    seeds, table = comparison.seeds, comparison.rows()
    pairs = max(row.pairs for row in table)
    rows = [
        [
            row.tuner,
            _shown(row.validation, seeds),
            _shown(row.test, seeds),
            f"{row.rank:.2f}",
            number(row.p_validation) + (f" ({counted(row.pairs, 'pair')})" if 0 < row.pairs < pairs else ""),
            f"{row.failed} of {row.trials}",
            f"{row.seconds:.1f}",
            f"{row.tokens:.0f}",
            f"{row.fallbacks} of {row.model_turns}" if row.model_turns else "",
        ]
        for row in table
    ]
    metric = comparison.metric
    better = "higher" if metric.higher_is_better else "lower"
    print_table(
        ["tuner", "validation", "test", "rank", "p", "failed", "seconds", "tokens", "fallbacks"],
        rows,
        title=f"{metric.name}, {better} is better; {counted(seeds, 'seed')} a tuner",
    )
    click.echo(
        "Means with 95 % bootstrap intervals over the seeds. test: each run's winner on the sealed rows. "
        "rank: by validation, mean over the seeds. seconds: of a run, its data and baselines included."
    )
    if any(row.fallbacks for row in table):
        click.echo("fallbacks: turns of the model, without a usable reply, that another tuner took.")
    if pairs:
        click.echo(
            f"p: validation against {comparison.reference}, Wilcoxon's signed-rank test, a pair a seed in "
            f"which the two differ; a seed without a model ranks last. With {counted(pairs, 'pair')} it "
            f"cannot be below {2 / 2**pairs:.2g}."
        )
    if comparison.left_out:
        click.echo(f"Left out, for no model is configured: {plain(', '.join(comparison.left_out))}.")


def _shown(mean: "Mean | None", seeds: int) -> str:
    from codegen_hpo.cli.terminal import counted, number

    if mean is None:
        return "–"
    of = "" if mean.seeds == seeds else f" ({mean.seeds} of {counted(seeds, 'seed')})"
    return f"{number(mean.value)} [{number(mean.interval.low)}, {number(mean.interval.high)}]{of}"
