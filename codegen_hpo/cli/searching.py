"""The options of the commands that search over an objective of the user's own: `tune` and `tune-script`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.parameters import SEED, Cost, Duration, Finite, Price
from codegen_hpo.cli.tuning import most_trials, parallel_option, take_tuning, trials_option, tuning_options
from codegen_hpo.tuner.names import needs_model

if TYPE_CHECKING:
    from codegen_hpo.llm.endpoint import Endpoint
    from codegen_hpo.objective.settings import SearchSettings

_ENDPOINT = ("base_url", "model", "temperature", "reply_tokens")


def search_options(trials: int) -> Callable[[Any], Any]:
    """Adds the options that `take_search` reads; `trials` is the default of its budget."""
    options: list[Callable[[Any], Any]] = [
        trials_option(trials, "Calls"),
        click.option(
            "--time", "seconds", type=Duration(), help="No call begins after this time: 90s, 30m, 2h."
        ),
        click.option(
            "--patience", type=click.IntRange(1), help="Stop after so many calls without improvement."
        ),
        parallel_option,
        click.option("--seed", type=SEED, default=0, show_default=True),
        click.option("--model", help="The language model's name. [env: CODEGEN_HPO_MODEL]"),
        click.option("--base-url", help="An OpenAI-compatible endpoint. [env: OPENAI_BASE_URL]"),
        click.option("--temperature", type=Finite(0.0), help="Sent only if given; some models refuse it."),
        tuning_options,
        click.option("--max-tokens", type=click.IntRange(1), help="Tokens of the model, in and out, in all."),
        click.option("--max-cost", type=Cost(), help="US dollars for the model; needs --price."),
        click.option("--price", type=Price(), help="USD per million tokens, in and out: 0.15,0.60."),
        click.option(
            "--reply-time",
            type=Duration(),
            default="5m",
            show_default=True,
            help="For one reply of the model.",
        ),
        click.option(
            "--reply-tokens", type=click.IntRange(1), help="Longest reply. [default: the server's own]"
        ),
    ]

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def configured_endpoint(options: dict[str, Any]) -> "Endpoint | None":
    """The endpoint that the options and the environment name; None if they name none."""
    import os

    from codegen_hpo.llm.endpoint import Endpoint

    given = {name: options[name] for name in _ENDPOINT}
    given["max_tokens"] = given.pop("reply_tokens")
    return Endpoint.resolve(
        **given, environ=os.environ, otherwise="--tuner tpe with --space does without a model"
    )


def take_search(
    options: dict[str, Any], tuner: str, endpoint: "Endpoint | None", trials: int
) -> "SearchSettings":
    """How the objective is searched; `trials` as for `search_options`."""
    if options["max_cost"] is not None and options["price"] is None:
        raise click.UsageError("--max-cost needs --price: the cost of an unknown model is unknown, not zero")
    from codegen_hpo.engine.settings import Budget
    from codegen_hpo.objective.settings import SearchSettings

    return SearchSettings(
        tuner=tuner,
        tuning=take_tuning(options),
        endpoint=endpoint.url if endpoint else "",
        model=endpoint.model if endpoint else "",
        reply_s=options["reply_time"],
        budget=Budget(
            trials=most_trials(options, trials, by_model=needs_model(tuner)),
            seconds=options["seconds"],
            tokens=options["max_tokens"],
            usd=options["max_cost"],
            patience=options["patience"],
        ),
        **{name: options[name] for name in ("parallel", "seed", "temperature", "price", "reply_tokens")},
    )
