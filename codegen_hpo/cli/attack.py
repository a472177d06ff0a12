"""codegen-hpo sandbox attack"""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen_hpo.sandbox.names import WALLS

if TYPE_CHECKING:
    from codegen_hpo.sandbox.base import Sandbox
    from codegen_hpo.testing.attacks import Attack
    from codegen_hpo.testing.attacks.run import Report, Result

_NOT_CONTAINED = 1


@click.command("attack")
@click.option(
    "--sandbox",
    "names",
    type=click.Choice([*WALLS, "none"]),
    multiple=True,
    help="Where the programs run; may be repeated. [default: each that this machine has, and none]",
)
@click.option("--only", multiple=True, help="A program or a category by name, or a part of it; repeatable.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the table into this file.")
@click.option(
    "--programs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Run the *.py files of this folder instead of our own programs.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    help="Seconds for each program of --programs.",
)
def attack(
    names: tuple[str, ...],
    only: tuple[str, ...],
    markdown: Path | None,
    programs: Path | None,
    timeout_s: float,
) -> int:
    """Run hostile programs against the sandboxes of this machine, and say which were contained.

    The exit code is 1 when a wall (docker, bubblewrap, landlock) did not contain a program. `none` has no
    wall: what gets through it is shown for comparison. Nothing but what was planted for it is touched.
    """
    from codegen_hpo.errors import ConfigError, SandboxError
    from codegen_hpo.testing.attacks.run import run_attacks
    from codegen_hpo.testing.attacks.table import markdown as table

    attacks = _chosen(programs, only, timeout_s)
    if not attacks:
        raise ConfigError(
            f"no program is called {' or '.join(only)}", hint="leave --only out to see them all"
        )
    reports: list[Report] = []
    for name in names or (*WALLS, "none"):
        click.echo(click.style(f"{name}: {len(attacks)} programs", bold=True), err=True)
        try:
            reports.append(run_attacks(_sandbox(name), attacks, _teller(len(attacks))))
        except SandboxError as error:
            if names:
                raise
            click.echo(f"  not on this machine: {error}", err=True)
    if markdown is not None:
        command = shlex.join(["codegen-hpo", *sys.argv[1:]])
        markdown.parent.mkdir(parents=True, exist_ok=True)
        markdown.write_text(table(reports, _facts(reports, len(attacks)), command), encoding="utf-8")
    for report in reports:
        click.echo(_summary(report))
    walls = [report for report in reports if report.sandbox != "none"]
    return 0 if all(report.contained for report in walls) else _NOT_CONTAINED


def _chosen(programs: Path | None, only: tuple[str, ...], timeout_s: float) -> "tuple[Attack, ...]":
    from codegen_hpo.testing.attacks import ATTACKS
    from codegen_hpo.testing.attacks.given import read_programs

    attacks = ATTACKS if programs is None else read_programs(programs, timeout_s=timeout_s)
    if not only:
        return attacks
    return tuple(a for a in attacks if any(part in a.name or part in a.category for part in only))


def _sandbox(name: str) -> "Sandbox":
    from codegen_hpo.sandbox.choose import choose_sandbox
    from codegen_hpo.testing.sandbox_cases import CASE_LIMITS

    return choose_sandbox(name, trusted=name == "none", limits=CASE_LIMITS)


def _teller(count: int) -> "Callable[[Result], None]":
    """Prints a line for each program as it ends."""
    from codegen_hpo.cli.terminal import plain

    done = 0

    def tell(result: "Result") -> None:
        nonlocal done
        done += 1
        word = click.style("contained", fg="green") if result.contained else click.style("NOT", fg="red")
        line = f"  {done:3d}/{count} {word} {result.name} ({result.seconds:.2f} s) {plain(result.how)[:120]}"
        click.echo(line, err=True)
        for fault in result.faults:
            click.echo(f"          {plain(fault)}", err=True)

    return tell


def _summary(report: "Report") -> str:
    missed = [result.name for result in report.results if not result.contained]
    text = f"{report.sandbox}: {len(report.results) - len(missed)} of {len(report.results)} contained"
    if missed:
        text += f"; NOT: {', '.join(missed)}"
    if report.left:
        text += f"; left over: {report.left}"
    return f"{text} ({report.seconds:.0f} s)"


def _facts(reports: "list[Report]", programs: int) -> list[str]:
    """What the table's numbers depend on."""
    import os
    import platform
    from datetime import UTC, datetime

    from codegen_hpo import __version__

    kernel = ".".join(platform.release().split(".")[:2])  # the rest names whoever built it
    facts = [
        f"date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"kernel: {platform.system()} {kernel} {platform.machine()}, {os.cpu_count()} cores",
        f"codegen-hpo {__version__}, run by user id {os.getuid() if hasattr(os, 'getuid') else '?'}",
        f"programs: {programs}",
    ]
    for name, version in (("docker", _docker_version), ("bubblewrap", _bubblewrap_version)):
        if any(report.sandbox == name for report in reports):
            facts.append(f"{name}: {version()}")
    return facts


def _docker_version() -> str:
    import docker

    client = docker.from_env()
    try:
        return str(client.version()["Version"])
    finally:
        client.close()


def _bubblewrap_version() -> str:
    import subprocess

    return subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True).stdout.strip()
