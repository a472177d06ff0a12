"""How a run is made again: the commands, and what fixes their result."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codegen_hpo.assistant.record import Record
from codegen_hpo.engine.settings import Settings
from codegen_hpo.llm.endpoint import OPENAI
from codegen_hpo.objective.settings import Aim
from codegen_hpo.sandbox.names import NAMES
from codegen_hpo.task import Task

# Settings by the option that sets them, where they differ from their default.
_OPTIONS = {
    "candidates": "--candidates",
    "trial_s": "--trial-time",
    "repairs": "--repairs",
    "reseed": "--reseed",
    "ensemble": "--ensemble",
    "prune": "--prune",
    "temperature": "--temperature",
    "reply_s": "--reply-time",
    "reply_tokens": "--reply-tokens",
    "sandbox": "--sandbox",
    "device": "--device",
}
_ALWAYS = {"tuner": "--tuner", "folds": "--folds", "threads": "--threads"}
_TUNING = {
    "history": "--history",
    "reasoning": "--reasoning",
    "role": "--role",
    "replies": "--replies",
    "llm_trials": "--llm-trials",
    "llm_share": "--llm-share",
}
_BUDGET = {
    "trials": "--trials",
    "seconds": "--time",
    "tokens": "--max-tokens",
    "usd": "--max-cost",
    "patience": "--patience",
}


def commands(record: Record) -> list[tuple[str, str]]:
    """Commands for a shell, each with what it does."""
    name = shlex.quote(record.history.name)
    if record.aim:
        told = [(f"codegen-hpo show {name} --trials", "each call and what came of it")]
        if record.aim.commanded:
            told.append((f"codegen-hpo resume {name} --trust-command --trials N", "goes on with more trials"))
        return told
    best = record.history.final.trial if record.history.final else ""
    found = []
    if _is_of_a_command(record):
        found.append((_fit(record), "the same run from the table: seeds, splits and encodings are the same"))
    if best:
        found += [
            (f"codegen-hpo rerun {name} {best}", "trains the best trial again, and says what differs"),
            (f"codegen-hpo predict {name} NEW.csv", "predictions for new rows"),
            (f"codegen-hpo export {name} -o model", "a folder that predicts without codegen-hpo"),
        ]
    return [*found, (f"codegen-hpo resume {name} --trials N", "goes on with more trials")]


def _is_of_a_command(record: Record) -> bool:
    """Whether `fit` can make it: a table in a file, no author, tuner or sandbox of the user's own."""
    settings = record.history.settings
    author = str(settings.get("author", ""))
    return (
        record.task is not None
        and Path(record.task.name).suffix != ""
        and (author == "cookbook" or author.startswith("llm:"))
        and settings.get("tuner") != "custom"
        and settings.get("sandbox") in NAMES
    )


def _fit(record: Record) -> str:
    task, settings = record.task, record.history.settings
    assert task is not None
    words = ["codegen-hpo", "fit", task.name, "--target", task.target, "--task", task.kind]
    words += ["--metric", task.metric.name, "--seed", str(settings.get("seed", task.seed))]
    for option, column in _columns(task):
        words += [option, column]
    words += ["--rows", str(task.sample.rows)] if task.sample else []
    words += ["--test", "TEST"] if task.test_sha256 else []
    if settings.get("author") == "cookbook":
        words.append("--cookbook")
    words += ["--about", task.about] if task.about else []
    if settings.get("model"):
        words += ["--model", str(settings["model"])]
        words += ["--base-url", str(settings["endpoint"])] if settings.get("endpoint") != OPENAI else []
    default = Settings().to_json()
    for name, option in (_ALWAYS | _OPTIONS).items():
        value = settings.get(name)
        if value is not None and (name in _ALWAYS or value != default[name]):
            words += [option, _value(value)]
    words += ["--parallel", str(settings.get("parallel", 1) * settings.get("folds_at_once", 1))]
    if (memory := settings.get("memory_bytes")) not in (None, default["memory_bytes"]):
        words += ["--memory", _value(memory / 2**30)]
    for name, option in _BUDGET.items():
        value = (settings.get("budget") or {}).get(name)
        if value is not None:
            words += [option, _value(value)]
    if price := settings.get("price"):
        words += ["--price", ",".join(map(_value, price))]
    for name, value in (settings.get("tuning") or {}).items():
        # those that have no option are set from Python alone
        if name in _TUNING and value is not None and value != default["tuning"][name]:
            words += [_TUNING[name]] if value is True else [_TUNING[name], _value(value)]
    if settings.get("unsafe"):
        words.append("--unsafe-no-sandbox")
    if settings.get("private"):
        words.append("--private")
    return shlex.join(words)


def _columns(task: Task) -> Iterator[tuple[str, str]]:
    """The options that concern single columns, as the reasons tell them."""
    for column in task.profile.columns:
        if column.reason == "dropped by the user":
            yield "--drop", column.name
        elif column.reason.startswith("groups the split"):
            yield "--group-column", column.name
        elif column.reason.startswith("asked for"):
            yield f"--{column.kind}", column.name
        if task.split.method.startswith(f"in the order of {column.name!r}: "):
            yield "--time-column", column.name


def _value(value: object) -> str:
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def fixed(record: Record) -> list[tuple[str, str]]:
    """What fixes the result: hashes, seeds and versions, each with its name."""
    history, task = record.history, record.task
    rows: list[tuple[str, str]] = []
    if task:
        prepared = _prepared(record)
        rows += [
            ("table", f"{task.name}, {len(task.frame)} rows, SHA-256 {task.sha256}"),
            ("encoded data", f"SHA-256 {prepared.get('bundle_hash', '')}"),
            ("split", f"{task.split.method}, seed {task.split.seed}"),
        ]
    if record.aim:
        rows.append(("what was tuned", _tuned(record.aim)))
    rows += [
        ("seed of the search", str(history.settings.get("seed", ""))),
        ("tuner", str(history.settings.get("tuner", ""))),
        ("author", str(history.settings.get("author", ""))),
        ("model", " at ".join(filter(None, map(history.settings.get, ("model", "endpoint")))) or "none"),
        ("versions", ", ".join(f"{name} {version}" for name, version in history.versions.items())),
    ]
    if boxes := record.folder.of_kind("sandbox"):
        names = (("sandbox", "sandbox"), ("torch", "torch"), ("Python", "python"))
        told = [f"{name} {boxes[-1].data[key]}" for name, key in names if key in boxes[-1].data]
        rows.append(("where trials ran", ", ".join(told)))
    return [(name, value) for name, value in rows if value]


def _prepared(record: Record) -> Mapping[str, Any]:
    events = record.folder.of_kind("prepared")
    return events[0].data if events else {}


def _tuned(aim: Aim) -> str:
    return aim.commanded.text if aim.commanded else "a Python function"
