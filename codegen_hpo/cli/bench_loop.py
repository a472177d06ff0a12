"""codegen-hpo bench loop"""

import os
from pathlib import Path

import click

from codegen_hpo.cli.parameters import Columns

_BATCHES, _WIDTHS = "64,256,1024,4096", "64,256"


@click.command("loop")
@click.option("--batch", type=Columns(), default=_BATCHES, show_default=True, help="Rows a step.")
@click.option("--width", type=Columns(), default=_WIDTHS, show_default=True, help="Units a hidden layer.")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Of each measurement.")
@click.option("--threads", type=click.IntRange(1), help="Of arithmetic; by default one a core.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--json",
    "data",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every measurement to this file, and the page beside it.",
)
def loop(
    batch: tuple[str, ...],
    width: tuple[str, ...],
    repeats: int,
    threads: int | None,
    device: str,
    data: Path | None,
) -> None:
    """The training loop against a DataLoader, a bare loop, skorch and Lightning: rows a second.

    skorch and Lightning are measured where they are installed: pip install 'codegen-hpo[loops]'.
    """
    from codegen_hpo.bench.loop.measure import Plan, measure_loops
    from codegen_hpo.bench.loop.page import table, write_page

    plan = Plan(
        batches=_numbers(batch),
        widths=_numbers(width),
        repeats=repeats,
        threads=threads or os.cpu_count() or 1,
        device=device,
    )
    results = measure_loops(
        plan,
        lambda m: click.echo(f"batch {m.batch}, width {m.width}, {m.arm}: {m.rows_s:,.0f} rows/s", err=True),
    )
    for one in plan.widths:
        click.echo(f"width {one}: times the DataLoader loop\n{table(results, one)}\n")
    if data is not None:
        for path in write_page(results, data.with_suffix(".md")):
            click.echo(path)


def _numbers(texts: tuple[str, ...]) -> tuple[int, ...]:
    try:
        numbers = tuple(int(float(text)) for text in texts)
    except ValueError:
        raise click.UsageError(f"{','.join(texts)}: expected whole numbers, as in {_BATCHES}") from None
    if min(numbers, default=0) < 1:
        raise click.UsageError(f"{','.join(texts)}: expected numbers of at least 1")
    return numbers
