"""codegen-hpo bench loop"""

import os
from pathlib import Path

import click

from codegen_hpo.cli.parameters import Several, Whole, page_option


@click.command("loop")
@click.option(
    "--batch", type=Several(Whole(1)), default="64,256,1024,4096", show_default=True, help="Rows a step."
)
@click.option(
    "--width", type=Several(Whole(1)), default="64,256", show_default=True, help="Units a hidden layer."
)
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Of each measurement.")
@click.option("--threads", type=click.IntRange(1), help="Of arithmetic; by default one a core.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@page_option
def loop(
    batch: tuple[int, ...],
    width: tuple[int, ...],
    repeats: int,
    threads: int | None,
    device: str,
    json_file: Path | None,
) -> None:
    """The training loop against a DataLoader, a bare loop, skorch and Lightning: rows a second.

    skorch and Lightning are measured where they are installed: pip install 'codegen-hpo[loops]'.
    """
    from codegen_hpo.bench.data_page import write_page
    from codegen_hpo.bench.loop.measure import Plan, measure_loops
    from codegen_hpo.bench.loop.page import page, table

    plan = Plan(
        batches=batch,
        widths=width,
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
    if json_file is not None:
        for path in write_page(results.to_json(), page(results), json_file.with_suffix(".md")):
            click.echo(path)
