"""The entry point: finds the command, and turns errors into messages and exit codes."""

import os
import sys
from importlib import import_module

import click

from codegen_hpo import __version__
from codegen_hpo.cli.terminal import plain, program
from codegen_hpo.errors import CodegenHpoError, Interrupted

# name → first line of its help: listing the commands imports none of them
COMMANDS = {
    "fit": "Fit a table: a function is written, checked, run and tuned.",
    "tune": "Tune a command of your own over a space that you write.",
    "tune-script": "Tune a training script that exists, and explain every step.",
    "resume": "Carry on a run that was stopped, or give it more budget.",
    "runs": "List the runs.",
    "show": "Show a run: its result, code, attempts, trials or prompts.",
    "report": "Write a run as one HTML file that opens offline.",
    "watch": "Follow a run on a page of this machine, while it works.",
    "ask": "Ask a model about a run; it answers from the run's record.",
    "check": "Check a file against the contract, as a model's text is checked.",
    "rerun": "Run a recorded trial again and say what differs.",
    "predict": "Predict a table with a run's best model.",
    "serve": "Answer predictions of a run's best model by HTTP, on this machine.",
    "export": "Write the best model as a folder that needs no codegen-hpo.",
    "doctor": "Say what works on this machine, and what to do about the rest.",
    "datasets": "Sample tables, and public ones to fetch.",
    "sandbox": "Build, check and attack the sandboxes of this machine.",
    "compare": "Compare tuners on one function of a table, over several seeds.",
    "bench": "Measure, side by side in one run.",
    "config": "Show where options come from: files, the environment, defaults.",
    "completion": "Print what makes your shell complete commands and runs.",
}

_UNCONFIGURED = ("config", "completion")  # they work where a file is broken

INTERRUPTED = 130
COMPLETE = "_CODEGEN_HPO_COMPLETE"  # the environment's variable by which a shell asks what may follow


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"codegen_hpo.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="codegen-hpo")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A language model writes one PyTorch function for your table; a sandbox runs it; its arguments are
    tuned.

    Start with:  codegen-hpo fit your.csv --target column
    """
    name = ctx.invoked_subcommand
    if name in COMMANDS and name not in _UNCONFIGURED:
        from codegen_hpo.cli.configuration import read_configuration

        assert isinstance(ctx.command, Commands)
        command = ctx.command.get_command(ctx, name)
        assert command is not None
        configuration = read_configuration(ctx.command, os.environ)
        ctx.default_map = {name: configuration.default_map(name, command)}


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    try:
        result = cli.main(standalone_mode=False, complete_var=COMPLETE)
        code = result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = 2
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except CodegenHpoError as error:
        code = error.exit_code
        _complain(error)
    except (KeyboardInterrupt, click.Abort) as stopped:
        code = INTERRUPTED
        # click turns every KeyboardInterrupt into its Abort, with the cause
        interrupted = stopped.__cause__ if isinstance(stopped, click.Abort) else stopped
        click.echo(_farewell(interrupted), err=True)
    except BrokenPipeError:
        # the reader of our output went away (`| head`): not an error; the interpreter must not flush again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _farewell(stopped: BaseException | None) -> str:
    if isinstance(stopped, Interrupted):
        return f"interrupted; what was finished is kept. Go on with:  {program()} resume {stopped.run}"
    return "interrupted"


def _complain(error: CodegenHpoError) -> None:
    click.echo(click.style("error: ", fg="red", bold=True) + plain(error), err=True)
    if error.hint:
        click.echo(plain(f"  {error.hint}"), err=True)
    if error.run:
        click.echo(f"  all is kept in {error.run}; go on with:  {program()} resume {error.run}", err=True)
