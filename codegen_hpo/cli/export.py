"""codegen-hpo export"""

from pathlib import Path

import click

from codegen_hpo.cli.parameters import find_run, json_option, run_argument


@click.command("export")
@run_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A new folder.")
@json_option
def command(run: str, runs: Path, output: Path, as_json: bool) -> None:
    """Write the best model of RUN as a folder that predicts with torch, numpy and pandas alone."""
    from codegen_hpo.cli.terminal import print_json
    from codegen_hpo.run import Run

    files = Run.open(find_run(run, runs)).export(output)
    if as_json:
        print_json({"folder": str(output), "files": [path.name for path in files]})
        return
    click.echo(f"{output}: {', '.join(path.name for path in files)}")
    click.echo(f"next: python {output / 'predict.py'} new-rows.csv -o predictions.csv", err=True)
