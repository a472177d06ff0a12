"""The options that choose a tuner and say how it works, for every command that tunes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from codegen_hpo.cli.parameters import Finite
from codegen_hpo.tuner.names import TUNERS

if TYPE_CHECKING:
    from codegen_hpo.tuner.make import TunerOptions


class TunerName(click.ParamType[str]):
    """The name of a tuner, or one of `more` that a command has besides."""

    name = "tuner"

    def __init__(self, *more: str) -> None:
        self._names = (*more, *TUNERS)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[{'|'.join(self._names)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self._names:
            self.fail(f"there is no tuner {value!r}; one of {', '.join(self._names)}", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self._names if name.startswith(incomplete)]


_OPTIONS = (
    click.option(
        "--history",
        type=click.Choice(["compressed", "chat"]),
        default="compressed",
        show_default=True,
        help="With a model: one message with all trials (a digest of more than 60), or the dialogue.",
    ),
    click.option("--reasoning", is_flag=True, help="With a model: a short analysis with each call."),
    click.option(
        "--role",
        type=click.Choice(["expert", "plain"]),
        default="expert",
        show_default=True,
        help="With a model: whether it is told that it is an expert.",
    ),
    click.option(
        "--replies",
        type=click.Choice(["call", "json"]),
        default="call",
        show_default=True,
        help="With a model: by a function call, or as a JSON object in the text.",
    ),
    click.option(
        "--llm-trials",
        type=click.IntRange(1),
        help="llm+…: calls by the model before the other tuner takes over.  [default: a third]",
    ),
    click.option(
        "--llm-share",
        type=Finite(0.0, 1.0, min_open=True),
        default=0.3,
        show_default=True,
        help="centaur: the model's share of the calls after ten of CMA-ES.",
    ),
)


def tuning_options(command: Any) -> Any:
    """Adds the options that `take_tuning` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take_tuning(options: dict[str, Any]) -> "TunerOptions":
    """How the tuner works; takes what it reads out of the command's options."""
    from codegen_hpo.tuner.make import TunerOptions

    names = ("history", "reasoning", "role", "replies", "llm_trials", "llm_share")
    return TunerOptions(**{name: options.pop(name) for name in names})


def parallel_option(command: Any) -> Any:
    return click.option(
        "--parallel", type=click.IntRange(1), default=1, show_default=True, help="Trials at once."
    )(command)


def trials_option(default: int, what: str) -> Callable[[Any], Any]:
    """Adds the option that `most_trials` reads."""
    return click.option(
        "--trials",
        type=click.IntRange(1),
        help=f"{what} in all.  [default: {default}; as many as --time allows, where no model proposes them]",
    )


def most_trials(options: dict[str, Any], default: int, *, by_model: bool) -> int | None:
    """The limit on trials: as given; else none beside one on time, unless a model is paid to propose them."""
    return options["trials"] or (None if options["seconds"] and not by_model else default)
