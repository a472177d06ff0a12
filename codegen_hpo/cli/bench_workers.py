"""codegen-hpo bench workers"""

from pathlib import Path

import click

from codegen_hpo.cli.parameters import Duration, Several, Whole, page_option
from codegen_hpo.sandbox.names import WALLS


@click.command("workers")
@click.option("--workers", type=Several(Whole(1)), default="1,2", show_default=True, help="Of each fit.")
@click.option("--trials", type=click.IntRange(1), default=12, show_default=True)
@click.option("--trial-time", type=Duration(), default="10s", show_default=True, help="Of one trial.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of each trial.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Fits of each.")
@click.option("--recipe", default="mlp", show_default=True, help="The cookbook's function that is tuned.")
@click.option("--sandbox", type=click.Choice(["auto", *WALLS]), default="auto", show_default=True)
@page_option
def workers(
    workers: tuple[int, ...],
    trials: int,
    trial_time: float,
    threads: int,
    repeats: int,
    recipe: str,
    sandbox: str,
    json_file: Path | None,
) -> None:
    """How trials a minute grow with workers: on a Ray cluster started here, and without Ray.

    The table is the simulated taxi fares that come with the package; the model is a scripted one.
    """
    from codegen_hpo.bench.data_page import measured_by, write_page
    from codegen_hpo.bench.fit_overhead import Plan
    from codegen_hpo.bench.workers import Pace, measure, page, to_json
    from codegen_hpo.table.datasets import DATASETS, dataset_path

    plan = Plan(
        data=str(dataset_path(DATASETS[0].name)),
        target=DATASETS[0].target,
        drop=(),
        trials=trials,
        recipe=recipe,
        sandbox=sandbox,
        more=("--threads", str(threads), "--trial-time", f"{trial_time}s"),
    )
    paces: list[Pace] = []
    for pace in measure(plan, workers, repeats=repeats):
        click.echo(f"{pace.workers}, {pace.way}: {pace.a_minute:.1f} trials a minute", err=True)
        paces.append(pace)
    result = to_json(plan, paces, measured_by())
    click.echo(page(result), nl=False)
    if json_file:
        for path in write_page(result, page(result), json_file.with_suffix(".md")):
            click.echo(path)
