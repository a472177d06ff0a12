"""The results of `bench tokens`: their file, and the page that is made from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from codegen_hpo.bench.tokens import CHANGED, RECIPE, Exchange, Rehearsal

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
tokens on. One trial runs at a time and time is short nowhere: a request that is sent beside running trials
holds their calls, too, and one under a time limit some lines on it."""

_HEADER = (
    "| table | columns | trials | form | tokens in all | author | tuning | first tuning request | last "
    "| replies | cached |\n| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def token_table(rehearsals: Sequence[Rehearsal]) -> str:
    """A row a run."""
    return "\n".join([_HEADER, *map(_row, rehearsals)])


def to_json(rehearsals: Sequence[Rehearsal], command: str) -> dict[str, Any]:
    """Everything that was counted, as the page is made of."""
    listed = [asdict(each) | {"exchanges": [one._asdict() for one in each.exchanges]} for each in rehearsals]
    return {"suite": "tokens", "command": command, "rehearsals": listed}


def token_page(data: Mapping[str, Any]) -> str:
    """The page of what `to_json` gave."""
    rehearsals = [
        Rehearsal(**each | {"exchanges": tuple(Exchange(**one) for one in each["exchanges"])})
        for each in data["rehearsals"]
    ]
    return "\n\n".join(
        [
            "# Benchmark: tokens",
            f"Made by:\n\n```\n{data['command']}\n```",
            _HOW,
            token_table(rehearsals),
            "Every request is in the JSON file beside this page.\n",
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
