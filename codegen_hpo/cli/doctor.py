"""codegen-hpo doctor"""

import os
import platform
import sys
from collections.abc import Iterator
from typing import NamedTuple

import click

from codegen_hpo.cli.parameters import json_option


class Line(NamedTuple):
    what: str
    state: str  # "ok", "missing" (something optional) or "broken"
    found: str
    do: str = ""


@click.command("doctor")
@click.option("--base-url", help="An OpenAI-compatible endpoint. [env: OPENAI_BASE_URL]")
@click.option("--model", help="The language model's name. [env: CODEGEN_HPO_MODEL]")
@json_option
def command(base_url: str | None, model: str | None, as_json: bool) -> int:
    """Say what works on this machine, and what to do about the rest.

    The endpoint is asked for a real tool call, the sandboxes start a real worker. Exit code 1 if something
    that the main job needs is broken.
    """
    from codegen_hpo.cli.terminal import plain, print_json

    lines = []
    for line in _lines(base_url, model):
        lines.append(line)
        if not as_json:
            click.echo(plain(f"{line.state:8} {line.what:10} {line.found}"))
            if line.do:
                click.echo(plain(f"{'':19} → {line.do}"))
    if as_json:
        print_json({"lines": [line._asdict() for line in lines]})
    return 1 if any(line.state == "broken" for line in lines) else 0


def _lines(base_url: str | None, model: str | None) -> Iterator[Line]:
    version = platform.python_version()
    fits = sys.version_info >= (3, 11)
    yield Line("Python", "ok" if fits else "broken", version, "" if fits else "3.11 or newer is needed")
    yield from _torch()
    yield from _sandboxes()
    yield from _endpoint(base_url, model)


def _torch() -> Iterator[Line]:
    import torch

    yield Line("torch", "ok", torch.__version__)
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield Line("GPU", "ok", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB")
    else:
        yield Line("GPU", "missing", "torch sees none on the host; training uses the CPU")


def _sandboxes() -> Iterator[Line]:
    """The back ends that a model's code may run in, then the child process that the cookbook runs in."""
    from codegen_hpo.sandbox.names import WALLS

    works = False
    for name in WALLS:
        line = _sandbox(name, what=name, otherwise="missing")
        works |= line.state == "ok"
        yield line
    if not works:
        yield Line(
            "walls",
            "missing",
            "none works: a model's code is not run on this machine, the cookbook's is",
            "install Docker, or on Linux: apt install bubblewrap",
        )
    yield _sandbox("none", what="process", otherwise="broken")


def _sandbox(name: str, *, what: str, otherwise: str) -> Line:
    from codegen_hpo.errors import SandboxError
    from codegen_hpo.sandbox.choose import choose_sandbox
    from codegen_hpo.sandbox.try_out import try_out

    try:
        return Line(what, "ok", try_out(choose_sandbox(name, trusted=True)))
    except SandboxError as error:
        return Line(what, otherwise, str(error), error.hint)


def _endpoint(base_url: str | None, model: str | None) -> Iterator[Line]:
    from codegen_hpo.errors import ConfigError
    from codegen_hpo.llm.endpoint import Endpoint
    from codegen_hpo.llm.probe import probe

    try:
        endpoint = Endpoint.resolve(base_url=base_url, model=model, environ=os.environ)
    except ConfigError as error:
        yield Line("endpoint", "broken", str(error), error.hint)
        return
    if endpoint is None:
        yield Line(
            "endpoint",
            "missing",
            "none is configured; the cookbook's functions are used",
            "set OPENAI_API_KEY, or give --base-url of a local server",
        )
        return
    yield Line("endpoint", "ok", str(endpoint))
    for line in probe(endpoint).lines:
        yield Line("endpoint", "ok" if line.ok else "broken", line.text, line.hint)
