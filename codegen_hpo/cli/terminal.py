"""How the commands print: data on stdout, everything else on stderr, model and data text escaped."""

import json
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.shown import counted as counted
from codegen_hpo.shown import number as number
from codegen_hpo.shown import plain as plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA_VERSION = 1


def program() -> str:
    """How this program is called from where the user stands: its path, unless the shell finds it by name."""
    called = sys.argv[0]
    found = shutil.which("codegen-hpo")
    if found is None and called.endswith("codegen-hpo"):
        return called
    return "codegen-hpo"


def print_json(data: dict[str, Any]) -> None:
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION} | data, indent=1, default=str))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, err: bool = False, title: str = ""
) -> None:
    """A table without markup: every cell is taken literally."""
    console(err=err).print(_table(columns, rows, title))


@cache
def console(*, err: bool = True) -> "Console":
    """Rich's console on stderr (or stdout), which honours NO_COLOR and a pipe."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    # a pipe has no width: wide enough that no cell is cut
    return Console(file=stream, highlight=False, width=None if stream.isatty() else 160)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD, title=Text(plain(title)) if title else None, title_justify="left", pad_edge=False
    )
    for column in columns:
        table.add_column(Text(plain(column)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    return table
