"""The results of `bench tokens`: their file, and the page that is made from it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from codegen_hpo.bench.tokens import CHANGED, RECIPE, Exchange, Rehearsal
from codegen_hpo.errors import reading

_HOW = f"""\
No model takes part. The author and the tuner are the real ones, the model's replies are scripted and the
trials made up, so the figures are those of the prompts and the same on every machine: one candidate, the
cookbook's `{RECIPE}` as the reply that holds code, a first trial at its defaults, then calls with all
arguments, {CHANGED} of them other than in the best trial so far, each beside a sentence of reasoning.

A token is counted as four characters, as the ledger estimates where a server sends no counts: of the
messages, of the function's description and JSON schema, of the reply's text and arguments. Roles and the
server's own framing are not counted. *cached* is the share of all prompt tokens that stand in the longest
beginning which a request has in common with an earlier one of its run, the functions before the messages: the
most that a provider's prompt cache could serve. Providers serve whole blocks, and many only from some 1,000
tokens on."""

_HEADER = (
    "| table | columns | trials | form | tokens in all | author | tuning | first tuning request | last "
    "| replies | cached |\n| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def token_table(rehearsals: Sequence[Rehearsal]) -> str:
    """A row a run."""
    return "\n".join([_HEADER, *map(_row, rehearsals)])


def write_token_page(rehearsals: Sequence[Rehearsal], command: str, data: Path) -> list[Path]:
    """The files written: every exchange as JSON, and the page beside it."""
    content = {
        "command": command,
        "rehearsals": [
            asdict(each) | {"exchanges": [one._asdict() for one in each.exchanges]} for each in rehearsals
        ],
    }
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    page = data.with_suffix(".md")
    page.write_text(token_page(data), encoding="utf-8")
    return [data, page]


def token_page(data: Path) -> str:
    """The page of the results in a file. Raises ConfigError if it cannot be read."""
    with reading(data):
        content = json.loads(data.read_text(encoding="utf-8"))
        rehearsals = [
            Rehearsal(**each | {"exchanges": tuple(Exchange(**one) for one in each["exchanges"])})
            for each in content["rehearsals"]
        ]
    return "\n\n".join(
        [
            "# Benchmark: tokens",
            f"Made by:\n\n```\n{content['command']}\n```",
            _HOW,
            token_table(rehearsals),
            f"Every request is in [{data.name}]({data.name}).\n",
        ]
    )


def _row(one: Rehearsal) -> str:
    tuning = one.of("tune")
    cells = [
        one.table,
        f"{one.columns}",
        f"{one.trials}",
        one.history,
        f"{one.total():,}",
        f"{one.total('author'):,}",
        f"{one.total('tune'):,}",
        f"{tuning[0].prompt:,}" if tuning else "",
        f"{tuning[-1].prompt:,}" if tuning else "",
        f"{sum(each.completion for each in one.exchanges):,}",
        f"{100 * one.cached_share():.0f} %",
    ]
    return f"| {' | '.join(cells)} |"
