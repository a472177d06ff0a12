"""codegen-hpo bench ablation"""

import shlex
import sys
from pathlib import Path

import click

from codegen_hpo.cli.parameters import Duration, columns_option, page_option


@click.command("ablation")
@click.argument("data", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
@click.option("--target", help="The column to predict.  [default: known of taxis, diamonds, titanic]")
@columns_option("--drop", "Columns to leave out.")
@click.option("--metric", default="auto", show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Seeds 0 to N - 1.")
@click.option("--trial-time", type=Duration(), default="60s", show_default=True, help="Of one training.")
@click.option("--search-time", type=Duration(), default="60s", show_default=True, help="Of one search.")
@click.option("--no-searches", is_flag=True, help="Leave the whole searches out.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/ablation"),
    show_default=True,
    help="Where it is kept and resumed; more tables and seeds are added to it.",
)
@page_option
def ablation(
    data: tuple[Path, ...],
    target: str | None,
    drop: tuple[str, ...],
    metric: str,
    seeds: int,
    trial_time: float,
    search_time: float,
    no_searches: bool,
    threads: int,
    out: Path,
    json_file: Path | None,
) -> None:
    """What each ingredient of the shipped functions changes of the test error on DATA.

    A fifth of the rows is sealed; each ingredient is trained with and without, a pair a seed.
    """
    from codegen_hpo.bench.ablation.page import page
    from codegen_hpo.bench.ablation.results import read_results
    from codegen_hpo.bench.ablation.run import Conditions, run_ablation
    from codegen_hpo.bench.data_page import write_page
    from codegen_hpo.bench.peers.table import prepare

    tables = [prepare(file, out, target=target, drop=drop or None, metric=metric) for file in data]
    conditions = Conditions(
        seeds=seeds, threads=threads, train_s=trial_time, search_s=0.0 if no_searches else search_time
    )
    typed = shlex.join(["codegen-hpo", *sys.argv[1:]])
    for done in run_ablation(tables, out, conditions, command=typed):
        found = done.trained.stopped if done.trained.score is None else f"{done.trained.score:.5g}"
        click.echo(
            f"{done.table}, seed {done.seed}, {done.setup.name}: {found} in {done.trained.seconds:.0f} s",
            err=True,
        )
    results = read_results(out)
    click.echo(page(results), nl=False)
    if json_file:
        for path in write_page(results.to_json(), page(results), json_file.with_suffix(".md")):
            click.echo(path)
