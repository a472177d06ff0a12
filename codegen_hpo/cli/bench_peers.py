"""codegen-hpo bench peers"""

import shlex
import sys
from pathlib import Path

import click

from codegen_hpo.cli.parameters import SEED, Columns, Duration, Several, columns_option, page_option


@click.command("peers")
@click.argument("data", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True)
@click.option("--target", help="The column to predict.  [default: known of taxis, diamonds, titanic]")
@columns_option("--drop", "Columns to leave out.")
@click.option("--metric", default="auto", show_default=True)
@click.option(
    "--seconds", "limits", type=Several(Duration()), default="60", show_default=True, help="For fitting."
)
@click.option("--arms", type=Columns(), default="", help="Only these.  [default: all]")
@click.option(
    "--split-seed",
    type=SEED,
    default=20240,
    show_default=True,
    help="RandomState(SEED).permutation begins with the test rows, a fifth.",
)
@click.option(
    "--test-rows",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of the test rows' numbers, from 0, in place of a seed.",
)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Of every arm.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of every arm.")
@click.option(
    "--peer-python",
    allow_from_autoenv=False,  # what is run is said by a word on the command line only
    default=sys.executable,
    show_default="this one",
    help="The interpreter that has the peers.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/peers"),
    show_default=True,
    help="Where it is kept and resumed; more tables are added to it.",
)
@page_option
def peers(
    data: tuple[Path, ...],
    target: str | None,
    drop: tuple[str, ...],
    metric: str,
    limits: tuple[float, ...],
    arms: tuple[str, ...],
    split_seed: int,
    test_rows: Path | None,
    threads: int,
    seed: int,
    peer_python: str,
    out: Path,
    json_file: Path | None,
) -> None:
    """The cookbook tuned by TPE, without a model, against AutoGluon, FLAML and gradient boosting on DATA.

    Tables that need options of their own are given one a call, with the same --out: a call adds to it. A
    fifth of the rows is sealed; each arm learns from the others in a fresh process.
    """
    from codegen_hpo.bench.data_page import write_page
    from codegen_hpo.bench.peers.arms import ARMS, probe
    from codegen_hpo.bench.peers.page import page
    from codegen_hpo.bench.peers.results import read_results
    from codegen_hpo.bench.peers.run import Conditions, run_peers
    from codegen_hpo.bench.peers.table import prepare

    conditions = Conditions(threads=threads, seed=seed, peer_python=peer_python, versions=probe(peer_python))
    tables = [
        prepare(
            file,
            out,
            target=target,
            drop=drop or None,
            metric=metric,
            seed=split_seed,
            test_rows=test_rows,
        )
        for file in data
    ]
    typed = shlex.join(["codegen-hpo", *sys.argv[1:]])
    for cell in run_peers(tables, arms or list(ARMS), limits, out, conditions, command=typed):
        found = f"{cell.score:.5g}" if cell.score is not None else f"{cell.status}: {cell.error}"
        click.echo(f"{cell.table}, {cell.limit_s:g} s, {cell.arm}: {found} in {cell.seconds:.0f} s", err=True)
    results = read_results(out)
    click.echo(page(results), nl=False)
    if json_file:
        for path in write_page(results.to_json(), page(results), json_file.with_suffix(".md")):
            click.echo(path)
