"""codegen-hpo report"""

from pathlib import Path

import click

from codegen_hpo.cli.parameters import find_run, json_option, run_argument, sandbox_options


@click.command("report")
@run_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="report.html",
    show_default=True,
    help="The HTML file; one that is there is replaced.",
)
@click.option(
    "--permutation/--no-permutation",
    default=True,
    show_default=True,
    help="Run the model, in the sandbox, to tell which columns it uses.",
)
@sandbox_options
@json_option
def command(
    run: str, runs: Path, output: Path, permutation: bool, sandbox: str, unsafe: bool, as_json: bool
) -> None:
    """Write RUN as one HTML file: its verdict, trials, curves, figures, code and cost. It opens offline,
    prints, and holds no script."""
    from codegen_hpo.cli.terminal import plain, print_json
    from codegen_hpo.run import Run

    written = Run.open(find_run(run, runs)).report(
        output, permutation=permutation, sandbox=sandbox, unsafe=unsafe
    )
    if as_json:
        print_json({"report": str(written), "bytes": written.stat().st_size})
    else:
        click.echo(plain(written))
