"""codegen-hpo export"""

import logging
from pathlib import Path

import click

from codegen_hpo.cli.parameters import find_run, json_option, run_argument


@click.command("export")
@run_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new folder for the model.")
@click.option("--single", is_flag=True, help="With -o: the best trial's model in place of the ensemble.")
@click.option("--optuna", "storage", metavar="URL", help="A storage for all trials: sqlite:///study.db.")
@click.option("--study-name", default="", help="With --optuna. [default: the run's name]")
@json_option
def command(
    run: str,
    runs: Path,
    output: Path | None,
    single: bool,
    storage: str | None,
    study_name: str,
    as_json: bool,
) -> None:
    """Write the model of RUN as a folder that predicts with torch, numpy and pandas alone (-o), or all
    its trials as Optuna studies (--optuna), one study a candidate."""
    if (output is None) == (storage is None):
        raise click.UsageError("give one of -o FOLDER and --optuna URL")
    if study_name and storage is None:
        raise click.UsageError("--study-name goes with --optuna")
    if single and output is None:
        raise click.UsageError("--single goes with -o")
    path = find_run(run, runs)
    if storage is not None:
        _studies(path, storage, study_name, as_json=as_json)
    else:
        assert output is not None
        _model(path, output, single=single, as_json=as_json)


def _model(run: Path, output: Path, *, single: bool, as_json: bool) -> None:
    from codegen_hpo.cli.terminal import print_json
    from codegen_hpo.run import Run

    files = [path.relative_to(output).as_posix() for path in Run.open(run).export(output, single=single)]
    if as_json:
        print_json({"folder": str(output), "files": files})
        return
    click.echo(f"{output}: {', '.join(files)}")
    click.echo(f"next: python {output / 'predict.py'} new-rows.csv -o predictions.csv", err=True)


def _studies(run: Path, storage: str, study_name: str, *, as_json: bool) -> None:
    from codegen_hpo.cli.terminal import counted, plain, print_json
    from codegen_hpo.optuna_export import export_studies, without_password
    from codegen_hpo.store.folder import RunFolder

    logging.getLogger("optuna").setLevel(logging.WARNING)  # a line a study on stderr, beside ours
    studies = export_studies(RunFolder.open(run), storage, study_name)
    shown = without_password(storage)
    if as_json:
        print_json({"storage": shown, "studies": [study._asdict() for study in studies]})
        return
    for study in studies:
        click.echo(plain(f"{study.name}: {counted(study.trials, 'trial')}"))
    click.echo(plain(f"next: optuna-dashboard {shown}"), err=True)
