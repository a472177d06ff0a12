"""codegen-hpo rerun"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen_hpo.cli.parameters import SEED, find_run, json_option, run_argument, sandbox_options

if TYPE_CHECKING:
    from codegen_hpo.rerun import Rerun


@click.command("rerun")
@run_argument
@click.argument("trial")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Another value for an argument.")
@click.option("--seed", type=SEED, help="Another seed.")
@sandbox_options
@json_option
def command(
    run: str,
    runs: Path,
    trial: str,
    changes: tuple[str, ...],
    seed: int | None,
    sandbox: str,
    unsafe: bool,
    as_json: bool,
) -> None:
    """Train TRIAL (t007 or 7) of RUN again, in a sandbox, and say "identical" or what differs.

    The run is not changed. The exit code is 1 when a trial that was left as it is came out otherwise.
    """
    from codegen_hpo.cli.terminal import print_json
    from codegen_hpo.run import Run

    pairs = [change.partition("=") for change in changes]
    bad = [change for change, (_, sign, _) in zip(changes, pairs, strict=True) if not sign]
    if bad:
        raise click.UsageError(f"--set {bad[0]}: expected NAME=VALUE")
    result = Run.open(find_run(run, runs)).rerun(
        trial, changes={name: value for name, _, value in pairs}, seed=seed, sandbox=sandbox, unsafe=unsafe
    )
    if as_json:
        print_json(
            {
                "trial": result.trial,
                "metric": result.metric,
                "recorded": result.recorded,
                "score": result.score,
                "status": result.outcome.status,
                "identical": result.identical,
                "differences": [difference._asdict() for difference in result.differences],
            }
        )
    else:
        _print(result)
    asked_for_more = bool(changes) or seed is not None
    if not result.identical and not asked_for_more:
        click.get_current_context().exit(1)


def _print(result: "Rerun") -> None:
    from codegen_hpo.cli.terminal import number, plain

    verdict = "identical" if result.identical else "differs"
    click.echo(
        f"{result.trial}: {verdict}; "
        f"{result.metric} {number(result.score)}, recorded {number(result.recorded)}"
    )
    for difference in result.differences:
        click.echo(
            plain(f"  {difference.what}: {_short(difference.now)}, recorded {_short(difference.recorded)}")
        )
    if result.outcome.error:
        click.echo(plain(result.outcome.error))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "..."
