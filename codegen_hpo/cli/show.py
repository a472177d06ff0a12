"""codegen-hpo show"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codegen_hpo.cli.parameters import find_run, json_option, run_argument

if TYPE_CHECKING:
    from codegen_hpo.run import Run
    from codegen_hpo.store.history import Attempt


@click.command("show")
@run_argument
@click.argument("candidate", required=False)
@click.option("--code", is_flag=True, help="The function's source.")
@click.option("--attempts", is_flag=True, help="Each text that was written, and what was found in it.")
@click.option("--trials", is_flag=True, help="Each call and what came of it.")
@click.option("--prompt", is_flag=True, help="Each request to the model and its reply.")
@json_option
def command(
    run: str,
    runs: Path,
    candidate: str | None,
    code: bool,
    attempts: bool,
    trials: bool,
    prompt: bool,
    as_json: bool,
) -> None:
    """Show RUN: its result or, by option, its code, attempts, trials and prompts.

    A CANDIDATE (c01) narrows it down.
    """
    from codegen_hpo.cli.outcome import outcome_json, print_outcome
    from codegen_hpo.cli.terminal import print_json
    from codegen_hpo.errors import ConfigError
    from codegen_hpo.run import Run

    opened = Run.open(find_run(run, runs))
    history = opened.history
    known = {attempt.candidate for attempt in history.attempts}
    if candidate and candidate not in known:
        raise ConfigError(
            f"{history.name} has no candidate {candidate!r}",
            hint=f"it has {', '.join(sorted(known)) or 'none'}",
        )
    parts = {"code": code, "attempts": attempts, "trials": trials, "exchanges": prompt}
    data = {name: _PARTS[name](opened, candidate) for name, wanted in parts.items() if wanted}
    if as_json:
        print_json(outcome_json(opened) | data)
        return
    if not data:
        print_outcome(opened, as_json=False)
    for name, rows in data.items():
        _PRINTERS[name](rows)


def _code(run: "Run", candidate: str | None) -> list[dict[str, Any]]:
    """Of the named candidate, or of the one that won."""
    from codegen_hpo.errors import NoModelError

    history = run.history
    if candidate is None:
        try:
            candidate = run.best.candidate.name
        except NoModelError:
            candidate = history.candidates[-1].name if history.candidates else None
    return [
        {"candidate": c.name, "author": c.author, "source": c.source}
        for c in history.candidates
        if c.name == candidate
    ]


def _attempts(run: "Run", candidate: str | None) -> list[dict[str, Any]]:
    chosen = [a for a in run.history.attempts if candidate in (None, a.candidate)]
    return [_attempt(run, attempt) for attempt in chosen]


def _attempt(run: "Run", attempt: "Attempt") -> dict[str, Any]:
    from dataclasses import asdict

    from codegen_hpo.contract import code_frame

    source = run.folder.file(f"{attempt.folder}/model.py")
    text = source.read_text(encoding="utf-8", errors="surrogateescape") if source.is_file() else ""
    return {
        "candidate": attempt.candidate,
        "attempt": attempt.number,
        "file": str(source) if text else str(run.path / attempt.folder / "reply.txt"),
        "findings": [asdict(finding) for finding in attempt.findings],
        "frame": code_frame(text, attempt.findings) if attempt.findings else "",
    }


def _trials(run: "Run", candidate: str | None) -> list[dict[str, Any]]:
    from codegen_hpo.store import codec

    return [codec.trial_to_json(t) for t in run.history.trials if candidate in (None, t.candidate)]


def _exchanges(run: "Run", candidate: str | None) -> list[dict[str, Any]]:
    events = run.folder.of_kind("reply")
    return [
        {"about": event.key, **run.folder.read_json(event.data["file"])}
        for event in events
        if candidate in (None, event.key.partition("/")[0])
    ]


def _print_code(rows: list[dict[str, Any]]) -> None:
    from codegen_hpo.cli.terminal import plain

    for row in rows:
        click.echo(plain(f"# candidate {row['candidate']}, written by {row['author']}"), err=True)
        click.echo(plain(row["source"]))


def _print_attempts(rows: list[dict[str, Any]]) -> None:
    from codegen_hpo.cli.terminal import counted, plain

    for row in rows:
        result = counted(len(row["findings"]), "finding") if row["findings"] else "passed every gate"
        click.echo(plain(f"{row['candidate']} attempt {row['attempt']}: {result}  ({row['file']})"))
        if row["frame"]:
            click.echo(plain(row["frame"]) + "\n")


def _print_trials(rows: list[dict[str, Any]]) -> None:
    from codegen_hpo.cli.terminal import number, print_table
    from codegen_hpo.records import trial_name

    cells = [
        [
            f"{trial_name(row['number'])} {row['candidate']}",
            row["call"]["proposed_by"],
            number(row["score"]) if row["loss"] is not None else row["outcome"]["status"],
            f"{row['outcome']['seconds']:.1f}",
            f"{len(row['outcome']['curve'])} {row['outcome']['stopped']}" if row["candidate"] else "",
            " ".join(f"{name}={number(value)}" for name, value in row["call"]["arguments"].items())
            + (f"\nfolds: {' '.join(number(fold['score']) for fold in row['folds'])}" if row["folds"] else "")
            + (f"\n{row['outcome']['error']}" if row["outcome"]["error"] else "")
            + (f"\nin the model's place: {row['call']['fallback']}" if row["call"]["fallback"] else "")
            + (f"\nwhy: {row['call']['reasoning']}" if row["call"]["reasoning"] else ""),
        ]
        for row in rows
    ]
    print_table(["trial", "proposed by", "score", "seconds", "epochs", "call"], cells)


def _print_exchanges(rows: list[dict[str, Any]]) -> None:
    from codegen_hpo.cli.terminal import plain

    for row in rows:
        click.echo(click.style(plain(f"== {row['about']}: {row['request']['purpose']}"), bold=True))
        for message in row["request"]["messages"]:
            click.echo(plain(f"-- {message['role']}\n{message['content']}"))
        reply = row["reply"]
        click.echo(plain(f"-- reply ({reply['finish']}, {reply['seconds']:.1f} s)\n{reply['text']}"))
        if reply["call"]:
            click.echo(plain(f"-- call of {reply['call']['name']}\n{reply['call']['arguments']}"))


_PARTS = {"code": _code, "attempts": _attempts, "trials": _trials, "exchanges": _exchanges}
_PRINTERS = {
    "code": _print_code,
    "attempts": _print_attempts,
    "trials": _print_trials,
    "exchanges": _print_exchanges,
}
