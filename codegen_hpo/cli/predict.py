"""codegen-hpo predict"""

import sys
from pathlib import Path

import click

from codegen_hpo.cli.parameters import find_run, json_option, run_argument, sandbox_options


@click.command("predict")
@run_argument
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A CSV file. [default: stdout]")
@click.option("--proba", is_flag=True, help="Class probabilities in place of classes.")
@click.option("--single", is_flag=True, help="The best trial's model in place of the ensemble.")
@sandbox_options
@json_option
def command(
    run: str,
    runs: Path,
    data: Path,
    output: Path | None,
    proba: bool,
    single: bool,
    sandbox: str,
    unsafe: bool,
    as_json: bool,
) -> None:
    """Predict DATA with the model of RUN: its ensemble, where that is better than the best trial.

    DATA needs the columns the model was trained on; the target may be missing.
    """
    from codegen_hpo.cli.terminal import print_json
    from codegen_hpo.errors import ConfigError
    from codegen_hpo.run import Run

    predictions = Run.open(find_run(run, runs)).predict(
        data, proba=proba, single=single, sandbox=sandbox, unsafe=unsafe
    )
    if output:
        try:
            predictions.to_csv(output, index=False)
        except OSError as error:
            raise ConfigError(
                f"cannot write {output}: {error.strerror or error}", hint="choose another -o"
            ) from error
    if as_json:
        print_json(
            {"rows": len(predictions), "output": str(output)}
            if output
            else {"rows": len(predictions), "predictions": predictions.to_dict(orient="list")}
        )
    elif output:
        click.echo(f"{len(predictions)} predictions in {output}", err=True)
    else:
        predictions.to_csv(sys.stdout, index=False)
