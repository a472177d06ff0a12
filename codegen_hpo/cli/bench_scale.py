"""codegen-hpo bench scale"""

import json
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import click

from codegen_hpo.cli.parameters import Columns, Duration


class RowCounts(click.ParamType[tuple[int, ...]]):
    """Numbers of rows, comma-separated: 1e4,1e5 or 50000."""

    name = "rows"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            counts = tuple(int(float(part)) for part in str(value).split(","))
        except (ValueError, OverflowError):
            counts = ()
        if not counts or min(counts) < 100:
            self.fail(f"{value!r} is no list of numbers of rows from 100 on; write 1e4,1e5", param, ctx)
        return counts


@click.command("scale")
@click.option("--rows", type=RowCounts(), default="1e4,1e5,1e6", show_default=True)
@click.option("--format", "formats", type=Columns(), default="parquet,csv", show_default=True)
@click.option("--trial-time", type=Duration(), default="10s", show_default=True, help="Of the one trial.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write every measurement.")
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
    from codegen_hpo.bench.plots import load_pyplot
    from codegen_hpo.bench.scale import measure_scale, page, plot, to_json

    if unknown := set(formats) - {"parquet", "csv"}:
        raise click.UsageError(f"--format: {', '.join(sorted(unknown))}; parquet and csv are known")
    if plot_file:
        load_pyplot()  # better told now than after an hour
    facts = {
        "command": shlex.join(["codegen-hpo", *sys.argv[1:]]),
        "cores": os.cpu_count(),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("pandas", "numpy", "pyarrow", "scikit-learn")},
    }
    fits = []
    for fit in measure_scale(rows, formats, trial_s=trial_time):
        cost = f"{fit.host_s:.1f} s of processor time, peak {fit.peak:.2f} tables"
        click.echo(f"{fit.rows:,} rows, {fit.format}: {cost}", err=True)
        fits.append(fit)
        if json_file:  # after each: a large one may take an hour
            text = json.dumps(to_json(fits, facts), indent=1, allow_nan=False)
            json_file.write_text(text + "\n", encoding="utf-8")
    click.echo(page(to_json(fits, facts), plot_file), nl=False)
    if plot_file:
        plot(fits, plot_file)
