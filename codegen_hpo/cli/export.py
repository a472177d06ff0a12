"""codegen-hpo export"""

import logging
from pathlib import Path

import click

from codegen_hpo.cli.parameters import find_run, json_option, run_argument, sandbox_options


@click.command("export")
@run_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new folder for the model.")
@click.option("--onnx", is_flag=True, help="With -o: an ONNX graph, for onnxruntime in place of torch.")
@click.option(
    "--notebook", is_flag=True, help="With -o: a notebook as well, with code, data steps and curves."
)
@click.option("--single", is_flag=True, help="With -o: the best trial's model in place of the ensemble.")
@click.option("--optuna", "storage", metavar="URL", help="A storage for all trials: sqlite:///study.db.")
@click.option("--study-name", default="", help="With --optuna. [default: the run's name]")
@sandbox_options
@json_option
def command(
    run: str,
    runs: Path,
    output: Path | None,
    onnx: bool,
    notebook: bool,
    single: bool,
    storage: str | None,
    study_name: str,
    sandbox: str,
    unsafe: bool,
    as_json: bool,
) -> None:
    """Write the model of RUN as a folder that predicts with torch, numpy and pandas alone (-o), or all
    its trials as Optuna studies (--optuna), one study a candidate.

    --onnx traces the model in the sandbox, so that no generated code is in the folder, and compares the graph
    with the model on rows of the run.
    """
    if (output is None) == (storage is None):
        raise click.UsageError("give one of -o FOLDER and --optuna URL")
    if study_name and storage is None:
        raise click.UsageError("--study-name goes with --optuna")
    for given, name in ((single, "--single"), (onnx, "--onnx"), (notebook, "--notebook")):
        if given and output is None:
            raise click.UsageError(f"{name} goes with -o")
    if onnx and notebook:
        raise click.UsageError("give one of --onnx and --notebook")
    path = find_run(run, runs)
    if storage is not None:
        _studies(path, storage, study_name, as_json=as_json)
    else:
        from codegen_hpo.export.notebook import NOTEBOOK
        from codegen_hpo.run import Run

        assert output is not None
        run_ = Run.open(path)
        if onnx:
            files = run_.export_onnx(output, single=single, sandbox=sandbox, unsafe=unsafe)
        else:
            files = (run_.export_notebook if notebook else run_.export)(output, single=single)
        _tell(output, files, as_json=as_json)
        if notebook and not as_json:
            click.echo(f"or:   jupyter lab {output / NOTEBOOK}", err=True)


def _tell(output: Path, files: list[Path], *, as_json: bool) -> None:
    from codegen_hpo.cli.terminal import print_json

    names = [path.relative_to(output).as_posix() for path in files]
    if as_json:
        print_json({"folder": str(output), "files": names})
        return
    click.echo(f"{output}: {', '.join(names)}")
    click.echo(f"next: python {output / 'predict.py'} new-rows.csv -o predictions.csv", err=True)


def _studies(run: Path, storage: str, study_name: str, *, as_json: bool) -> None:
    from codegen_hpo.cli.terminal import counted, plain, print_json
    from codegen_hpo.optuna_export import export_studies
    from codegen_hpo.shown import without_password
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
