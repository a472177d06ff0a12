"""codegen-hpo bench overhead"""

from pathlib import Path

import click

from codegen_hpo.cli.parameters import Several, Whole, columns_option, page_option
from codegen_hpo.sandbox.names import WALLS


@click.command("overhead")
@click.argument("data", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--target", help="The column to predict.  [default: that of the sample table]")
@columns_option("--drop", "Columns to leave out.")
@click.option("--trials", type=click.IntRange(1), default=10, show_default=True)
@click.option("--workers", type=Several(Whole(1)), default="1,2", show_default=True, help="Of each fit.")
@click.option("--threads", type=click.IntRange(1), help="Of each trial.  [default: as fit chooses]")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Fits of each.")
@click.option("--recipe", default="plr", show_default=True, help="The cookbook's function that is tuned.")
@click.option("--sandbox", type=click.Choice(["auto", *WALLS]), default="auto", show_default=True)
@page_option
def overhead(
    data: Path | None,
    target: str | None,
    drop: tuple[str, ...],
    trials: int,
    workers: tuple[int, ...],
    threads: int | None,
    repeats: int,
    recipe: str,
    sandbox: str,
    json_file: Path | None,
) -> None:
    """What a whole `fit` of DATA takes beside its trainings, with an instant scripted model.

    DATA is a table; by default the simulated taxi fares that come with the package. What one trial costs in
    each sandbox is shown by `bench sandbox`.
    """
    from codegen_hpo.bench.data_page import measured_by, write_page
    from codegen_hpo.bench.fit_overhead import Measured, Plan, measure, page, to_json
    from codegen_hpo.table.datasets import DATASETS, dataset_path

    if data is not None and target is None:
        raise click.UsageError("a table of your own needs --target")
    plan = Plan(
        data=str(data or dataset_path(DATASETS[0].name)),
        target=target or DATASETS[0].target,
        drop=drop,
        trials=trials,
        recipe=recipe,
        sandbox=sandbox,
        more=("--threads", str(threads)) if threads else (),
    )
    fits: list[Measured] = []
    for fit in measure(plan, workers, repeats=repeats):
        click.echo(
            f"{fit.workers} x {fit.threads}: {fit.wall_s:.1f} s for {fit.training_s:.1f} s of training, "
            f"{fit.ratio:.2f}",
            err=True,
        )
        fits.append(fit)
    result = to_json(plan, fits, measured_by())
    click.echo(page(result), nl=False)
    if json_file:
        for path in write_page(result, page(result), json_file.with_suffix(".md")):
            click.echo(path)
