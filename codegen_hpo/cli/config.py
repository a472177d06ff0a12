"""codegen-hpo config"""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from codegen_hpo.cli.configuration import Configuration, leaves, read_configuration
from codegen_hpo.cli.configuration_file import GENERAL, PROJECT, Keys, options_of, user_file
from codegen_hpo.cli.parameters import json_option
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.shown import without_password


class Row(NamedTuple):
    """An option, what it is and who says so."""

    command: str  # empty where it is the same for all
    option: str
    value: str
    source: str


@click.group("config")
def command() -> None:
    """Where options come from: environment, codegen-hpo.toml, your own file, defaults."""


@command.command("path")
@json_option
def path_command(as_json: bool) -> None:
    """Print which files are looked for, the first before the second."""
    from codegen_hpo.cli.terminal import plain, print_json

    files = [{"file": str(file), "exists": file.is_file()} for file in (PROJECT.absolute(), user_file())]
    if as_json:
        print_json({"files": files})
        return
    for file in files:
        click.echo(plain(file["file"]) + ("" if file["exists"] else "  (is not there)"))


@command.command("show")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@json_option
@click.pass_context
def show_command(context: click.Context, words: tuple[str, ...], as_json: bool) -> None:
    """Show what options are without a word on the command line, each with its source.

    Without COMMAND: those that mean the same everywhere, and all that a file or the environment says.
    """
    from codegen_hpo.cli.terminal import print_json, print_table

    root = context.find_root()
    commands = root.command
    assert isinstance(commands, click.Group)
    rows = list(_rows(root, commands, read_configuration(commands, os.environ), words))
    if as_json:
        print_json({"options": [row._asdict() for row in rows]})
    else:
        print_table(["command", "option", "value", "source"], [list(row) for row in rows])


def _rows(
    root: click.Context, commands: click.Group, configuration: Configuration, words: Keys
) -> Iterator[Row]:
    names = [words[0]] if words else commands.list_commands(root)
    found = []
    for name in names:
        command = commands.get_command(root, name)
        if command is None:
            raise click.UsageError(f"there is no command {name!r}")
        found += [pair for pair in leaves((name,), command) if pair[0][: len(words)] == words]
    if not found:
        raise click.UsageError(f"there is no command {' '.join(words)!r}")
    fit = commands.get_command(root, "fit")
    assert fit is not None
    # which has all of them
    general = [] if words else [_row((), name, options_of(fit)[name], configuration) for name in GENERAL]
    yield from general
    for path, leaf in found:
        for name, option in options_of(leaf).items():
            row = _row(path, name, option, configuration)
            if words or (row.source != "default" and row._replace(command="") not in general):
                yield row
    key = "set; not shown" if os.environ.get("OPENAI_API_KEY") else ""
    yield Row("", "OPENAI_API_KEY", key, "environment only")


def _row(path: Keys, name: str, option: click.Option, configuration: Configuration) -> Row:
    """How an option stands where the command line does not name it."""
    found = configuration.find(path, name, option)
    value: Any = found.value if found else option.default
    if option.is_flag:
        value = value is True  # click has none where nothing was said
    if name == "base-url" and found:
        value = Endpoint(base_url=str(value), model="").url  # without password and query
    return Row(" ".join(path), name, _shown(value), found.source if found else "default")


def _shown(value: Any) -> str:
    """A value as it is typed, without passwords."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(_shown, value))
    if isinstance(value, str | int | float | os.PathLike):
        return without_password(str(value))
    return ""
