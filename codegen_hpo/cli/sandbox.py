"""codegen-hpo sandbox"""

import click


@click.group("sandbox")
def command() -> None:
    """The place where generated code runs."""


@command.command("build")
@click.option("--base", help="An image with python3 and torch to build on. [env: CODEGEN_HPO_BASE_IMAGE]")
def build(base: str | None) -> None:
    """Build the docker sandbox's image, unless it is there already."""
    from codegen_hpo.sandbox.docker import connect
    from codegen_hpo.sandbox.image import ensure_image

    click.echo(ensure_image(connect(), base))
