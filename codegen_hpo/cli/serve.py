"""codegen-hpo serve"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen_hpo.cli.parameters import Whole, find_run, run_argument, sandbox_options

if TYPE_CHECKING:
    from codegen_hpo.run import Run

_LOCAL = ("127.0.0.1", "localhost")


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

    The model is loaded once, in a sandbox. The address is printed on stdout when it answers. There is no
    password: whoever reaches the address may ask.
    """
    from codegen_hpo.cli.terminal import plain
    from codegen_hpo.errors import ConfigError
    from codegen_hpo.run import Run

    try:
        from codegen_hpo.serving.app import make_app
        from codegen_hpo.serving.server import address, listen
        from codegen_hpo.serving.server import run as serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"serve needs {error.name}, which is not installed", hint="pip install 'codegen-hpo[serve]'"
        ) from error

    found = Run.open(find_run(run, runs))
    model = found.load(single=single, sandbox=sandbox, unsafe=unsafe, threads=threads)
    hosts = _LOCAL if host in _LOCAL else ("*",)
    app = make_app(model, _about(found, single=single), most_rows=most_rows, hosts=hosts)
    listening = listen(host, port)
    url = address(listening)

    def started() -> None:
        click.echo(url)
        click.echo(plain(f"serving {found.path.name}; {url}/docs describes it; Ctrl-C ends it"), err=True)
        if host not in _LOCAL:
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
