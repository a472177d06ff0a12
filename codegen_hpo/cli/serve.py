"""codegen-hpo serve"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen_hpo.cli.parameters import Whole, find_run, run_argument, sandbox_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codegen_hpo.run import Run
    from codegen_hpo.table.examples import Example

_LONGEST = 4_000  # characters of a command to paste: a terminal may take no longer line


@click.command("serve")
@run_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 is a free one."
)
@click.option(
    "--most-rows", type=Whole(1, 100_000), default=1_000, show_default=True, help="Rows of one request."
)
@click.option(
    "--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="CPU threads of a prediction."
)
@click.option("--single", is_flag=True, help="The best trial's model in place of the ensemble.")
@sandbox_options
def command(
    run: str,
    runs: Path,
    host: str,
    port: int,
    most_rows: int,
    threads: int,
    single: bool,
    sandbox: str,
    unsafe: bool,
) -> None:
    """Serve the model of RUN by HTTP: POST /predict, GET /health, /version, /docs.

    The model is loaded once, in a sandbox. The address is printed on stdout when it answers, and a command to
    try it with. There is no password: whoever reaches the address may ask.
    """
    from codegen_hpo.cli.terminal import plain
    from codegen_hpo.errors import ConfigError
    from codegen_hpo.run import Run

    try:
        from codegen_hpo.serving.app import make_app
        from codegen_hpo.serving.example import curl
        from codegen_hpo.serving.server import address, is_local, listen, names
        from codegen_hpo.serving.server import run as serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"serve needs {error.name}, which is not installed", hint="pip install 'codegen-hpo[serve]'"
        ) from error

    found = Run.open(find_run(run, runs))
    model = found.load(single=single, sandbox=sandbox, unsafe=unsafe, threads=threads)
    example = _example(found, model.columns)
    app = make_app(model, _about(found, single=single), example, most_rows=most_rows, hosts=names(host))
    listening = listen(host, port)
    url = address(listening)

    def started() -> None:
        click.echo(url)
        click.echo(plain(f"serving {found.path.name}; {url}/docs describes it; Ctrl-C ends it"), err=True)
        if len(command := curl(url, example)) <= _LONGEST:
            click.echo(plain(f"try:  {command}"), err=True)
        if not is_local(host):
            click.echo(f"warning: {host} may be reached by others, and no password is asked for", err=True)

    model.open()  # what cannot be loaded is told here, not by the server
    serve(app, listening, started)


def _about(run: "Run", *, single: bool) -> dict[str, object]:
    """What /version tells of a run: no path of this machine."""
    return {
        "run": run.path.name,
        "metric": run.metric.name,
        "members": {trial.name: round(weight, 4) for trial, weight in run.model(single=single)},
    }


def _example(run: "Run", columns: "Sequence[str]") -> "dict[str, Example]":
    """A usual row, of the columns that the model uses."""
    from codegen_hpo.table.examples import example_rows

    (row,) = example_rows(run.task["columns"], 1)
    return {name: row.get(name) for name in columns}
