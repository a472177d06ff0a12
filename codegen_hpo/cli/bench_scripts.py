"""codegen-hpo bench scripts"""

import os
from pathlib import Path

import click

from codegen_hpo.cli.bench_tuners import typed
from codegen_hpo.cli.parameters import Columns, Duration, Price


@click.command("scripts")
@click.option("--tasks", type=Columns(), default="", help="Only these example tasks.  [default: all]")
@click.option(
    "--tuners",
    type=Columns(),
    default="random,tpe",
    show_default=True,
    help="Comma-separated; agenthpo is the Creator and the Executor, which ask a model.",
)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Seeds 0 to N - 1.")
@click.option("--trials", type=click.IntRange(1), default=10, show_default=True, help="Of each run.")
@click.option("--trial-time", type=Duration(), default="5m", show_default=True, help="Of one trial.")
@click.option("--jobs", type=click.IntRange(1), help="Runs at once; by default one a core.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/scripts"),
    show_default=True,
    help="Where it is kept and resumed.",
)
@click.option("--model", help="The language model, for tuners that ask one.")
@click.option("--base-url", help="An OpenAI-compatible endpoint; else OPENAI_BASE_URL.")
@click.option("--price", type=Price(), help="USD per million tokens, in and out: 0.15,0.60.")
@click.option("--plot", is_flag=True, help="Also draw, into OUT.")
def scripts(
    tasks: tuple[str, ...],
    tuners: tuple[str, ...],
    repeats: int,
    trials: int,
    trial_time: float,
    jobs: int | None,
    out: Path,
    model: str | None,
    base_url: str | None,
    price: tuple[float, float] | None,
    plot: bool,
) -> None:
    """The example tasks, tuned: best values after 1, 3, 5 and 10 trials, against random search.

    The scripts run as yourself, without a sandbox; codegen-hpo datasets tasks lists them.
    """
    from codegen_hpo.bench.milestones_page import draw_trajectories
    from codegen_hpo.bench.plots import load_pyplot
    from codegen_hpo.bench.scripts import Conditions, asks_model, run_scripts
    from codegen_hpo.bench.scripts_page import read_script_results, scripts_page
    from codegen_hpo.llm.endpoint import Endpoint
    from codegen_hpo.table.example_tasks import TASKS, example_task

    if plot:
        load_pyplot()  # better told now than after an hour
    endpoint = Endpoint.resolve(base_url=base_url, model=model, environ=os.environ)
    conditions = Conditions(trials=trials, trial_s=trial_time, endpoint=endpoint, price=price)
    chosen = [example_task(name) for name in tasks] or list(TASKS)
    present = [name for name in tuners if endpoint or not asks_model(name)]
    for name in tuners:
        if name not in present:
            click.echo(f"left out: {name}: it needs a language model, and none is configured", err=True)
    for cell in run_scripts(
        chosen,
        present,
        out,
        conditions,
        seeds=repeats,
        jobs=jobs or os.cpu_count() or 1,
        command=typed(endpoint),
    ):
        click.echo(f"{cell.task.name}, {cell.tuner}, seed {cell.seed}: done", err=True)
    results = read_script_results(out)
    click.echo(scripts_page(results))
    if plot:
        click.echo(draw_trajectories(results.repeats, out / "scripts.png"))
