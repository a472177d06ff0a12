"""codegen-hpo sandbox"""

import sys
from typing import TYPE_CHECKING

import click

from codegen_hpo.cli.attack import attack
from codegen_hpo.sandbox.names import WALLS

if TYPE_CHECKING:
    from docker import DockerClient

    from codegen_hpo.sandbox.base import Sandbox
    from codegen_hpo.sandbox.old_images import OldImage


@click.group("sandbox")
def command() -> None:
    """The place where generated code runs."""


command.add_command(attack)


@command.command("check")
@click.argument("names", nargs=-1, type=click.Choice([*WALLS, "none"]))
def check(names: tuple[str, ...]) -> int:
    """Try every promise of the sandboxes NAMES, one line each; by default of each that this machine has.

    Exit code 1 if one of them is not kept, or if no wall works here.
    """
    from codegen_hpo.errors import SandboxError
    from codegen_hpo.sandbox.choose import choose_sandbox
    from codegen_hpo.sandbox.limits import GIB, Limits

    limits, kept = Limits(memory_bytes=GIB), []
    for name in names or WALLS:
        click.echo(click.style(name, bold=True))
        try:
            kept.append(_check(choose_sandbox(name, trusted=True, limits=limits)))
        except SandboxError as error:
            if names:
                raise
            click.echo(f"  not on this machine: {error}")
    return 0 if kept and all(kept) else 1


def _check(sandbox: "Sandbox") -> bool:
    from codegen_hpo.cli.terminal import plain
    from codegen_hpo.sandbox.try_out import check as probes

    good = True
    for probe in probes(sandbox):
        mark = click.style("ok ", fg="green") if probe.ok else click.style("NO ", fg="red")
        click.echo(f"  {mark} {probe.name:12} {plain(probe.found)}")
        good = good and probe.ok
    return good


@command.command("build")
@click.option("--cpu", is_flag=True, help="PyTorch without CUDA: about 1 GB.")
@click.option("--cuda", is_flag=True, help="PyTorch with CUDA: several GB.")
@click.option("--base", help="An image with python3 to build on. [env: CODEGEN_HPO_BASE_IMAGE]")
@click.option("--remove-old", is_flag=True, help="Remove the images of earlier versions, without asking.")
def build(cpu: bool, cuda: bool, base: str | None, remove_old: bool) -> None:
    """Build the docker sandbox's image, unless it is there already, and print its name.

    Without --cpu, --cuda or --base the engine decides: CUDA if it speaks of an NVIDIA GPU.
    """
    if cpu + cuda + bool(base) > 1:
        raise click.UsageError("--cpu, --cuda and --base are three kinds of image: give one of them")
    from codegen_hpo.sandbox.engine import connect
    from codegen_hpo.sandbox.image import REPOSITORY, current_names, find_or_build
    from codegen_hpo.sandbox.old_images import find_old_images

    client = connect()
    image = find_or_build(
        client, base=base, variant="cpu" if cpu else "cuda" if cuda else None, repository=REPOSITORY
    )
    click.echo(image.name)
    click.echo(f"{'built in' if image.built else 'was there,'} {image.seconds:.1f} s", err=True)
    current = {image.name, *current_names(client, base, REPOSITORY)}
    old = find_old_images(client, current, REPOSITORY)
    if old and (remove_old or _agreed(old)):
        _remove(client, old)


def _agreed(old: "list[OldImage]") -> bool:
    size = sum(image.own_bytes for image in old)
    told = f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
    verb = "is" if len(old) == 1 else "are"
    what = f"{len(old)} older sandbox image{'s' * (len(old) > 1)} ({told})"
    if sys.stdin.isatty() and sys.stderr.isatty():
        return click.confirm(f"Remove {what}?", err=True)
    click.echo(f"there {verb} {what}; remove them with:  codegen-hpo sandbox build --remove-old", err=True)
    return False


def _remove(client: "DockerClient", old: "list[OldImage]") -> None:
    from codegen_hpo.cli.terminal import plain
    from codegen_hpo.sandbox.old_images import remove_images
    from codegen_hpo.sandbox.removal import sweep_orphans

    sweep_orphans(client)  # containers of dead runs must not hold an image
    removal = remove_images(client, old)
    click.echo(f"removed {len(removal.removed)} of {len(old)} older sandbox images", err=True)
    for image, reason in removal.kept:
        click.echo(plain(f"kept {', '.join(image.names) or image.id}: {reason}"), err=True)
