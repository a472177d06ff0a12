"""codegen-hpo watch"""

from pathlib import Path

import click

from codegen_hpo.cli.parameters import find_run, run_argument


@click.command("watch")
@run_argument
@click.option("--port", type=click.IntRange(1, 65535), help="Of 127.0.0.1.  [default: a free one]")
def command(run: str, runs: Path, port: int | None) -> None:
    """Follow RUN on a page of this machine, while it works or afterwards.

    Prints the page's address, which holds a token: whoever has it can look, and nobody can change anything.
    Ctrl-C ends the page and leaves the run alone.
    """
    from codegen_hpo.store.folder import RunFolder
    from codegen_hpo.watch.server import WatchServer

    folder = RunFolder.open(find_run(run, runs))
    server = WatchServer(folder, port or 0)
    click.echo(server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.closing.set()
    finally:
        server.server_close()
