"""codegen-hpo bench scale"""

from pathlib import Path

import click

from codegen_hpo.cli.parameters import Columns, Duration, Several, Whole, page_option


@click.command("scale")
@click.option("--rows", type=Several(Whole(100)), default="1e4,1e5,1e6", show_default=True)
@click.option("--format", "formats", type=Columns(), default="parquet,csv", show_default=True)
@click.option("--trial-time", type=Duration(), default="10s", show_default=True, help="Of the one trial.")
@page_option
@click.option("--plot", "plot_file", type=click.Path(path_type=Path), help="Draw into this PNG file.")
def scale(
    rows: tuple[int, ...],
    formats: tuple[str, ...],
    trial_time: float,
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Seconds and peak memory of `fit` on generated tables of rising length, twenty columns each.

    Linux only. Ten million rows need 6 GB of memory and as much of temporary disk.
    """
    from codegen_hpo.bench.data_page import measured_by, write_data, write_page
    from codegen_hpo.bench.plots import load_pyplot
    from codegen_hpo.bench.scale import measure_scale, page, plot, to_json

    if unknown := set(formats) - {"parquet", "csv"}:
        raise click.UsageError(f"--format: {', '.join(sorted(unknown))}; parquet and csv are known")
    if plot_file:
        load_pyplot()  # better told now than after an hour
    facts = measured_by("pandas", "numpy", "pyarrow", "scikit-learn")
    fits = []
    for fit in measure_scale(rows, formats, trial_s=trial_time):
        cost = f"{fit.host_s:.1f} s of processor time, peak {fit.peak:.2f} tables"
        click.echo(f"{fit.rows:,} rows, {fit.format}: {cost}", err=True)
        fits.append(fit)
        if json_file:  # after each: a large one may take an hour
            write_data(to_json(fits, facts), json_file)
    data = to_json(fits, facts)
    click.echo(page(data, plot_file), nl=False)
    if plot_file:
        plot(data, plot_file)
    if json_file:
        for path in write_page(data, page(data, plot_file), json_file.with_suffix(".md")):
            click.echo(path)
