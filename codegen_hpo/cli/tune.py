"""codegen-hpo tune"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.parameters import Duration, json_option, runs_option
from codegen_hpo.cli.searching import search_options, take_search
from codegen_hpo.cli.tuning import TunerName

if TYPE_CHECKING:
    from codegen_hpo.objective.settings import Aim

TRIALS = 30


@click.command("tune")
@click.argument("space", type=click.Path(path_type=Path))
@click.option("--command", "text", required=True, help='What is run, as in "python train.py --lr {lr}".')
@click.option("--result-file", default="", help="A file that the command writes into its folder, {folder}.")
@click.option("--pattern", default="", help="A regular expression with one group, around the value.")
@click.option("--metric", help="The value's name.  [default: loss; with --maximize: score]")
@click.option("--maximize", is_flag=True, help="Higher is better.")
@click.option("--about", default="", help="What the command does, in your words; a model reads it.")
@click.option("--tuner", type=TunerName(), default="tpe", show_default=True)
@click.option("--trial-time", type=Duration(), help="A call is killed after this time, and has failed.")
@click.option("--ignore-conditions", is_flag=True, help="Read a ConfigSpace without its conditions.")
@search_options(TRIALS)
@runs_option
@click.option("-v", "--verbose", is_flag=True, help="Show every exchange with the model.")
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
@json_option
def command(
    space: Path,
    runs: Path,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    ignore_conditions: bool,
    **options: Any,
) -> None:
    """Tune a command of your own over SPACE, a TOML file:

    \b
        [lr]                            [optimizer]
        type = "float"                  options = ["sgd", "adam"]
        low = 1e-5
        high = 0.1                      [bias]
        log = true                      type = "bool"
        default = 1e-3

    Types are float, int, choice and bool; default and description may be left out. The first call is made
    at the defaults, if every argument has one. JSON of ConfigSpace or of Optuna's distributions works, too.

    The command is split into words as a shell splits it, and run without a shell, in this folder, as
    yourself and WITHOUT A SANDBOX: run nothing that you do not trust. {lr} in a word stands for the value of
    lr; without any such place, --lr VALUE is appended for each argument (true or false for a bool; --lr=VALUE
    if it begins with a dash).
    {folder} is an empty folder of the call, {arguments} a JSON file of all arguments; their paths are also in
    $CODEGEN_HPO_FOLDER and $CODEGEN_HPO_ARGUMENTS.

    Its value is in the last line of its output that is a JSON object with the metric's name in it, or
    METRIC: NUMBER; if there is none, in the last that is a number;
    or what --pattern matches last; or what --result-file holds: JSON, a number or such an object, or the last
    of a list of them; or the last of JSON lines (.jsonl), of a CSV file (.csv), or of TensorBoard's events (a
    folder, or a file of theirs). Another exit code than 0, no value, NaN, or no end within --trial-time is a
    failed call: the tuner learns of it, and the search goes on.

    A language model is asked only by --tuner llm, llm+..., or centaur.
    """
    from codegen_hpo.cli.live import following
    from codegen_hpo.cli.outcome import print_outcome, telling_what_there_is
    from codegen_hpo.cli.terminal import plain
    from codegen_hpo.errors import NoModelError
    from codegen_hpo.minimizing import endpoint_for, tune_command
    from codegen_hpo.run import Run
    from codegen_hpo.space_file import read_space

    loud = not quiet and not as_json
    imported = read_space(space, ignore_conditions=ignore_conditions)
    for note in imported.notes:
        click.echo(plain(f"{space}: {note}"), err=True)
    endpoint = endpoint_for(
        options["tuner"],
        **{name: options[name] for name in ("base_url", "model", "temperature", "reply_tokens")},
        environ=os.environ,
    )
    settings = take_search(options, options["tuner"], endpoint, TRIALS)
    aim = _aim(imported.space, options)
    with (
        telling_what_there_is(as_json=as_json),
        following(aim.metric, loud=loud, verbose=verbose) as sinks,
    ):
        run = Run(tune_command(aim, settings, endpoint, runs=runs, label=space.stem, sinks=sinks))
    print_outcome(run, as_json=as_json)
    if run.history.best() is None:
        error = NoModelError(
            f"none of the {len(run.history.trials)} calls gave a value",
            hint=f"codegen-hpo show {run.path} --trials tells how each ended",
        )
        raise error


def _aim(space: Any, options: dict[str, Any]) -> "Aim":
    from codegen_hpo.objective.command import Command
    from codegen_hpo.objective.settings import Aim, started_at
    from codegen_hpo.objective.value_source import ValueSource

    metric = options["metric"] or ("score" if options["maximize"] else "loss")
    source = ValueSource(metric=metric, file=options["result_file"], pattern=options["pattern"])
    return Aim(
        space=space,
        metric=metric,
        maximize=options["maximize"],
        about=options["about"],
        start=started_at(space, None),
        command=Command(text=options["text"], source=source, timeout_s=options["trial_time"]),
    )
