"""codegen-hpo ask"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.parameters import Duration, Finite, Price, find_run, json_option, run_argument

if TYPE_CHECKING:
    from codegen_hpo.assistant.answer import Answer
    from codegen_hpo.llm.endpoint import Endpoint
    from codegen_hpo.llm.ledger import Ledger


@click.command("ask")
@run_argument
@click.argument("question")
@click.option("--model", help="The language model's name. [env: CODEGEN_HPO_MODEL]")
@click.option("--base-url", help="An OpenAI-compatible endpoint. [env: OPENAI_BASE_URL]")
@click.option("--temperature", type=Finite(0.0), help="Sent only if given; some models refuse it.")
@click.option("--steps", type=click.IntRange(1), default=12, show_default=True, help="Replies of the model.")
@click.option("--max-tokens", type=click.IntRange(1), help="Tokens of the model, in and out, in all.")
@click.option("--price", type=Price(), help="USD per million tokens, in and out: 0.15,0.60.")
@click.option(
    "--reply-time", type=Duration(), default="5m", show_default=True, help="For one reply of the model."
)
@click.option("--reply-tokens", type=click.IntRange(1), help="Longest reply. [default: the server's own]")
@json_option
def command(run: str, runs: Path, question: str, as_json: bool, **options: Any) -> int:
    """Ask a model a QUESTION about RUN, as in "why did trial 4 give NaN?".

    It reads the run's own record (configurations, curves, errors, logs) and names the trials and events that
    its answer rests on; these are looked up and printed with their facts, and numbers that it was not shown
    are marked. The run is never changed, and may still be going on. Exit code 1 without a usable answer.
    """
    from codegen_hpo.assistant.answer import Answer, answer
    from codegen_hpo.cli.terminal import print_json
    from codegen_hpo.engine.limits import Spent
    from codegen_hpo.engine.parts import asker
    from codegen_hpo.engine.settings import Budget
    from codegen_hpo.llm.ledger import Ledger, price_of
    from codegen_hpo.objective.unrecorded import counted

    if not question.strip():
        raise click.UsageError('the question is empty; ask for example "why did trial 4 give NaN?"')
    path = find_run(run, runs)
    make_ask = asker(_endpoint(options), options["reply_time"])
    assert make_ask is not None
    ledger = Ledger(price=price_of(options["price"]))
    ask = counted(make_ask(lambda event: None), ledger, Budget(trials=None, tokens=options["max_tokens"]))
    try:
        found = answer(path, question, ask, steps=options["steps"])
    except Spent as spent:
        found = Answer(reason=str(spent))
    if as_json:
        print_json({"run": str(path), "question": question, **found.to_json(), "ledger": ledger.to_json()})
    else:
        _print_answer(found, ledger)
    return 0 if found.text else 1


def _endpoint(options: dict[str, Any]) -> "Endpoint":
    """The endpoint that options and environment name, never the run's. Raises ConfigError."""
    import os

    from codegen_hpo.errors import ConfigError
    from codegen_hpo.llm.endpoint import Endpoint

    endpoint = Endpoint.resolve(
        base_url=options["base_url"],
        model=options["model"],
        temperature=options["temperature"],
        max_tokens=options["reply_tokens"],
        environ=os.environ,
    )
    if endpoint is None:
        raise ConfigError(
            "a question is answered by a language model, and no endpoint is configured",
            hint="set OPENAI_API_KEY, or give --base-url (for example http://localhost:11434/v1)",
        )
    return endpoint


def _print_answer(found: "Answer", ledger: "Ledger") -> None:
    from codegen_hpo.cli.outcome import print_ledger
    from codegen_hpo.cli.terminal import plain

    if not found.text:
        click.echo(plain(f"The model gave no usable answer: {found.reason}"), err=True)
    else:
        click.echo(plain(found.text))
        if not found.certain:
            click.echo("\nThe model says that the record does not tell this for certain.")
        if found.unknown:
            click.echo(plain(f"\nNumbers that the model was not shown: {', '.join(found.unknown)}"))
        cited = [*found.trials, *found.events]
        click.echo("\nIt rests on:" if cited else "\nIt names nothing of the record that it rests on.")
        for citation in cited:
            click.echo(plain(f"  {citation.facts}"))
        click.echo()
    print_ledger(ledger)
