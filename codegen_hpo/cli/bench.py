"""codegen-hpo bench"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen_hpo.cli.bench_ablation import ablation
from codegen_hpo.cli.bench_loop import loop
from codegen_hpo.cli.bench_overhead import overhead
from codegen_hpo.cli.bench_peers import peers
from codegen_hpo.cli.bench_scale import scale
from codegen_hpo.cli.bench_scripts import scripts
from codegen_hpo.cli.bench_tokens import tokens
from codegen_hpo.cli.bench_tuners import codegen, report, sklearn, toy
from codegen_hpo.cli.bench_workers import workers
from codegen_hpo.cli.parameters import json_option

if TYPE_CHECKING:
    from codegen_hpo.bench.overhead import Way
    from codegen_hpo.sandbox.base import Sandbox


@click.group("bench")
def command() -> None:
    """Measure, side by side in one run."""


for one in (toy, sklearn, codegen, scripts, report, peers, ablation, loop, overhead, tokens, scale, workers):
    command.add_command(one)


@command.command("sandbox")
@click.option("--trials", type=click.IntRange(1), default=30, show_default=True, help="Trials a warm worker.")
@click.option(
    "--cold", type=click.IntRange(1), default=3, show_default=True, help="Trials with a start each."
)
@json_option
def sandbox(trials: int, cold: int, as_json: bool) -> None:
    """What each sandbox of this machine adds to a trial, beside the same trial with nothing around it."""
    from codegen_hpo.bench.overhead import measure_overhead
    from codegen_hpo.cli.terminal import print_json

    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        ways = measure_overhead(_sandboxes(), Path(place), trials=trials, cold=cold)
    if as_json:
        rows = [
            {"way": w.name, "first_s": w.first_s, "median_s": w.median_s, "all_s": w.trials_s} for w in ways
        ]
        print_json({"ways": rows})
    else:
        _print(ways)


def _sandboxes() -> list["Sandbox"]:
    """Those that this machine has; the others are named with the reason."""
    from codegen_hpo.errors import SandboxError
    from codegen_hpo.sandbox.choose import choose_sandbox
    from codegen_hpo.sandbox.names import NAMES

    found = []
    for name in NAMES:
        if name == "auto":
            continue
        try:
            found.append(choose_sandbox(name, trusted=True, device="cpu"))
        except SandboxError as error:
            click.echo(f"left out: {name}: {error}", err=True)
    return found


def _print(ways: "list[Way]") -> None:
    bare = ways[0].median_s
    slowest = max(way.median_s for way in ways)
    click.echo(f"{'':18}{'first result':>13}{'a trial':>12}{'above bare':>13}{'faster than the slowest':>26}")
    for way in ways:
        first = f"{way.first_s:.2f} s" if way.first_s is not None else ""
        above = "" if way is ways[0] else f"{1000 * (way.median_s - bare):.1f} ms"
        times = f"{slowest / way.median_s:.0f} x"
        click.echo(f"{way.name:18}{first:>13}{1000 * way.median_s:>9.1f} ms{above:>13}{times:>26}")
    click.echo("medians; a trial is a linear model on 400 rows, three epochs, its process and its result")
