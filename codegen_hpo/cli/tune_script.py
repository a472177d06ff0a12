"""codegen-hpo tune-script"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.parameters import DeviceName, Duration, json_option, runs_option
from codegen_hpo.cli.searching import configured_endpoint, search_options, take_search
from codegen_hpo.cli.tuning import TunerName
from codegen_hpo.tuner.names import AGENTHPO

if TYPE_CHECKING:
    from codegen_hpo.agenthpo.description import Lack, Told
    from codegen_hpo.agenthpo.tuning import ScriptTask
    from codegen_hpo.llm.endpoint import Endpoint
    from codegen_hpo.objective.script.record import Script
    from codegen_hpo.objective.settings import SearchSettings
    from codegen_hpo.space import Space

_FILE = click.Path(path_type=Path)
TRIALS = 10


@click.command("tune-script")
@click.argument("text", metavar="COMMAND")
@click.option("--config", type=_FILE, help="The JSON, TOML or YAML file that the script reads.")
@click.option("--constants", type=_FILE, help="Or the Python file whose ALL_CAPS constants are tuned.")
@click.option("--about", default="", help="What it is about: a Markdown file with Dataset, Model and Goal.")
@click.option("--goal", default="", help='As in "maximise val_accuracy"; may stand in --about.')
@click.option("--space", type=_FILE, help="What is searched, as for `tune`; else the model proposes it.")
@click.option(
    "--result-file", default="", help="JSON, JSON lines, CSV or TensorBoard events that the script writes."
)
@click.option("--pattern", default="", help="Or a regular expression with one group, around the value.")
@click.option(
    "--pick",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="Which of several values counts.",
)
@click.option("--folder", type=_FILE, default=Path(), help="What is copied for each trial.  [default: here]")
@click.option("--leave-out", multiple=True, help="A pattern of what is not copied; may be repeated.")
@click.option("--tuner", type=TunerName(AGENTHPO), help="[default: agenthpo; without a model: tpe]")
@click.option(
    "--steps", type=click.IntRange(1), default=8, show_default=True, help="Of the Executor, each trial."
)
@click.option("--trial-time", type=Duration(), help="The script is killed after this time, and has failed.")
@click.option(
    "--disk",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    help="GiB it may write.",
)
@click.option(
    "--sandbox",
    type=click.Choice(["none", "docker"]),
    default="none",
    show_default=True,
    help="none: it runs as yourself, like any command that you type.",
)
@click.option("--image", default="", help="With docker: an image that has what the script needs.")
@click.option(
    "--memory",
    type=click.FloatRange(0.25),
    help="With docker: GiB that the script may use.  [default: 8]",
)
@click.option(
    "--device",
    type=DeviceName(),
    default="cpu",
    show_default=True,
    help="With docker: a GPU or none.",
)
@click.option("--no-base", is_flag=True, help="Do not begin with the configuration as it is.")
@click.option(
    "--repeats",
    type=click.IntRange(1),
    help="Searches, each against one by random search; the base is measured once, apart.",
)
@click.option("--out", type=_FILE, help="With --repeats: where they are kept.  [default: RUNS/NAME-repeats]")
@search_options(TRIALS)
@runs_option
@click.option("-v", "--verbose", is_flag=True, help="Show every exchange with the model.")
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
@json_option
def command(text: str, runs: Path, as_json: bool, quiet: bool, verbose: bool, **options: Any) -> None:
    """Tune a training script that exists, with a reason for each value and an analysis of each run.

    \b
        codegen-hpo tune-script "python train.py" --config config.json --about task.md \\
            --goal "maximise val_accuracy" --result-file metrics.json

    Each trial copies the folder, writes its values into the copy's configuration, runs COMMAND in the copy
    and reads the metric. The folder is not changed. Instead of a file, the values may stand in the command
    (--lr {lr}), or be constants like LEARNING_RATE = 1e-3 at the top of a Python file (--constants).

    With a model, its Creator proposes each configuration with a reason for each value, its Executor carries
    it out and analyses what came of it, and at the end the Creator looks back (AgentHPO, arXiv 2402.01881).
    All of it is in experiments.md in the run's folder. The metric is read by this program from where you
    say, never by the model: without --result-file and --pattern it is the last line of the output that is a
    JSON object with the metric in it, or METRIC: NUMBER. With another --tuner, the same script is tuned
    without agents.
    """
    from codegen_hpo.agenthpo.tuning import require_space, tune_script
    from codegen_hpo.cli.live import following
    from codegen_hpo.cli.outcome import print_outcome, telling_what_there_is
    from codegen_hpo.cli.repeated import tune_repeatedly
    from codegen_hpo.cli.terminal import plain
    from codegen_hpo.errors import NoModelError
    from codegen_hpo.run import Run
    from codegen_hpo.tuner.names import needs_model

    for name, given in (
        ("image", options["image"]),
        ("device", options["device"] != "cpu"),
        ("memory", options["memory"]),
    ):
        if given and options["sandbox"] != "docker":
            raise click.UsageError(
                f"--{name} is for --sandbox docker: without it the script runs as yourself"
            )

    def asks(tuner: str) -> bool:
        return tuner == AGENTHPO or needs_model(tuner) or not options["space"]

    endpoint = configured_endpoint(options) if asks(options["tuner"] or AGENTHPO) else None
    tuner = options["tuner"] or (AGENTHPO if endpoint else "tpe")
    settings = _settings(options, tuner, endpoint)
    require_space(options["space"], endpoint)
    task = _task(text, options, for_model=asks(tuner))
    loud = not quiet and not as_json
    if options["repeats"]:
        out = options["out"] or runs / f"{Path(task.script.folder).resolve().name}-repeats"
        tune_repeatedly(
            task,
            settings,
            endpoint,
            out,
            options["repeats"],
            loud=loud,
            as_json=as_json,
            proposed=_show_space,
        )
        return
    with (
        telling_what_there_is(as_json=as_json),
        following(task.goal.metric, loud=loud, verbose=verbose) as sinks,
    ):
        folder = tune_script(
            task,
            settings,
            endpoint,
            lambda: _new_folder(runs, task),
            sinks=sinks,
            tell=lambda line: click.echo(plain(line), err=True),
            proposed=_show_space,
        )
    run = Run(folder)
    print_outcome(run, as_json=as_json)
    if run.history.best() is None:
        raise NoModelError(
            f"none of the {len(run.history.trials)} calls gave a value",
            hint=f"{run.path}/experiments.md tells how each ended",
        )


def _task(text: str, options: dict[str, Any], *, for_model: bool) -> "ScriptTask":
    """What is asked for; what the description lacks is asked for where somebody can answer.

    Without a model nobody reads facts of the data: then a goal will do.
    """
    from dataclasses import replace

    from codegen_hpo.agenthpo.description import completed, read_description
    from codegen_hpo.agenthpo.tuning import ScriptTask
    from codegen_hpo.cli.terminal import plain
    from codegen_hpo.objective.script.configuration import open_configuration
    from codegen_hpo.space_file import read_space

    space = None
    if options["space"]:
        imported = read_space(options["space"])
        space = imported.space
        for note in imported.notes:
            click.echo(plain(f"{options['space']}: {note}"), err=True)
    script = _script(text, options)
    open_configuration(script, space)  # what cannot be used is told before anything is asked
    answers = sys.stdin.isatty() and sys.stderr.isatty()
    told: Told = completed(
        read_description(options["about"]),
        options["goal"],
        _asked if answers else None,
        needed=("dataset", "model", "goal") if for_model else ("goal",),
    )
    if told.note:
        click.echo(plain(told.note), err=True)
    return ScriptTask(
        script=replace(script, source=replace(script.source, **told.goal._asdict())),
        description=told.description,
        goal=told.goal,
        space=space,
        from_base=not options["no_base"],
    )


def _asked(lack: "Lack") -> str:
    """What the one at the terminal answers; a goal that cannot be read is asked for again."""
    from codegen_hpo.agenthpo.goal import read_goal
    from codegen_hpo.errors import ConfigError

    def read(answer: str) -> str:
        if not answer.strip():
            raise click.UsageError("a few words are needed")
        try:
            if lack.part == "goal":
                read_goal(answer)
        except ConfigError as error:
            raise click.UsageError(f"{error}; {error.hint}") from error
        return answer

    click.echo(f"for example: {lack.example}", err=True)
    return str(click.prompt(lack.question, err=True, value_proc=read))


def _script(text: str, options: dict[str, Any]) -> "Script":
    """What is run; the metric is not known yet."""
    from codegen_hpo.objective.script.record import MEMORY_BYTES, Script, relative_file, relative_folder
    from codegen_hpo.objective.value_source import ValueSource

    folder: Path = options["folder"]
    place = relative_folder(folder)
    files = {
        name: relative_file(folder, options[name], f"--{name}")
        for name in ("config", "constants")
        if options[name] is not None
    }
    return Script(
        command=text,
        source=ValueSource(
            metric="",
            file=options["result_file"],
            pattern=options["pattern"],
            pick=options["pick"],
            named=True,
        ),
        timeout_s=options["trial_time"],
        disk_bytes=int(options["disk"] * 2**30),
        folder=place,
        sandbox=options["sandbox"],
        image=options["image"],
        memory_bytes=int(options["memory"] * 2**30) if options["memory"] else MEMORY_BYTES,
        device=options["device"],
        leave_out=tuple(options["leave_out"]),
        **files,
    )


def _settings(options: dict[str, Any], chosen: str, endpoint: "Endpoint | None") -> "SearchSettings":
    """How it is searched. Raises ConfigError if a tuner lacks its model."""
    from codegen_hpo.agenthpo.tuning import with_agents
    from codegen_hpo.tuner.names import CREATOR, check_tuner

    if not options["tuner"] and chosen != AGENTHPO:
        click.echo(
            f"no model: the script is tuned with {chosen}; --base-url or OPENAI_API_KEY brings the agents in",
            err=True,
        )
    tuner = CREATOR if chosen == AGENTHPO else chosen
    check_tuner(tuner, with_model=endpoint is not None, called=chosen)
    settings = take_search(options, tuner, endpoint, TRIALS)
    return with_agents(settings, options["steps"]) if chosen == AGENTHPO else settings


def _new_folder(runs: Path, task: "ScriptTask") -> Any:
    from datetime import datetime

    from codegen_hpo.store.folder import RunFolder

    label = Path(task.script.folder).resolve().name
    return RunFolder.create(runs, label, datetime.now())


def _show_space(space: "Space") -> None:
    """Prints the space that the model proposed, as --space reads it."""
    from codegen_hpo.agenthpo.space_proposal import space_as_toml

    click.echo(f"The model proposes this space, and the run holds to it:\n\n{space_as_toml(space)}", err=True)
