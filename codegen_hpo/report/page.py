"""Puts a run's report together: one HTML file that needs nothing else."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from codegen_hpo.assistant.record import Record
from codegen_hpo.errors import CodegenHpoError, ConfigError
from codegen_hpo.llm.ledger import Ledger, price_of
from codegen_hpo.predict import model_of, read_encoding
from codegen_hpo.records import ranked
from codegen_hpo.report.classes import class_figures
from codegen_hpo.report.code import candidates_shown
from codegen_hpo.report.columns import seen_columns
from codegen_hpo.report.errors_by_column import errors_by_column
from codegen_hpo.report.figure import load_matplotlib
from codegen_hpo.report.held_out import HeldOutRows
from codegen_hpo.report.hyperparameters import searched
from codegen_hpo.report.permutation import Permutation, permutation
from codegen_hpo.report.regression import regression_figures
from codegen_hpo.report.reproduce import commands, fixed
from codegen_hpo.report.search import best_so_far, curves
from codegen_hpo.report.summary import sentences, title
from codegen_hpo.report.tables import leaderboard, trial_rows
from codegen_hpo.report.verdict import gap_beyond_chance
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.shown import counted, number, plain, signed
from codegen_hpo.store.history import Final, read_ledger
from codegen_hpo.tuner.turns import fallbacks_text

_TEMPLATES = "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffling:
    """Where the model may run for the permutation importance, or why it may not."""

    sandbox: Sandbox | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """What the held-out rows show of the model."""

    part: str
    rows: int
    figures: list[Markup]
    errors: list[Markup]
    permutation: Permutation | None
    missing: str  # why there is no permutation importance


def page(record: Record, shuffling: Shuffling) -> str:
    """The report as HTML. The same run gives the same text.

    Args:
        record: of the run.
        shuffling: whether the model is run to tell which columns it uses.

    Raises:
        ConfigError: matplotlib is not installed, the run holds nothing yet, or a file of it is damaged.
    """
    load_matplotlib()
    if record.task is None and record.aim is None:
        raise ConfigError(
            f"{record.folder.path} was stopped before its data was prepared: there is nothing to report",
            hint="start it again with codegen-hpo fit",
        )
    history = record.history
    best = history.best()
    ledger = read_ledger(record.folder, price_of(history.settings.get("price")))
    values: dict[str, Any] = {
        "title": title(record),
        "history": history,
        "task": record.task,
        "aim": record.aim,
        "metric": record.metric,
        "best": best,
        "sentences": sentences(record),
        "facts": _facts(record, ledger),
        "leaderboard": leaderboard(history, record.metric),
        "trials": trial_rows(history.trials),
        "search": best_so_far(record),
        "fallbacks": fallbacks_text([trial.call for trial in history.trials]),
        "curves": curves(history.standing),
        "spaces": searched(record),
        "model": _model(record, shuffling),
        "candidates": candidates_shown(record, best.candidate if best else "", _scored(record)),
        "ledger": ledger.to_json() if ledger.total.requests else None,
        "commands": commands(record),
        "fixed": fixed(record),
    }
    return _environment().get_template("page.html.j2").render(values)


def _facts(record: Record, ledger: Ledger) -> list[tuple[str, str, str]]:
    """The numbers at the top: name, value, and a remark."""
    history, metric = record.history, record.metric
    direction = "higher is better" if metric.higher_is_better else "lower is better"
    found: list[tuple[str, str, str]] = []
    if final := history.final:
        gap = None if final.test_score is None else final.test_score - final.validation_score
        found += [
            (f"{metric.name}, validation", number(final.validation_score), direction),
            (f"{metric.name}, test", number(final.test_score), "sealed until the end"),
            ("test minus validation", "–" if gap is None else signed(gap), _chance(final)),
        ]
    elif best := history.best():
        found.append((f"best {metric.name}", number(best.score), direction))
    failed = sum(trial.loss is None for trial in history.trials)
    found += [
        ("trials", str(len(history.trials)), f"{failed} failed"),
        ("time at work", _time(history.elapsed_s), ""),
    ]
    if record.task:
        found.append(("functions", str(len(history.candidates)), counted(len(history.attempts), "attempt")))
    if ledger.total.requests:
        cost = "cost unknown" if ledger.cost_usd is None else f"{ledger.cost_usd:.4f} USD"
        found.append(("tokens", f"{ledger.total.tokens:,}", f"{ledger.total.requests} requests, {cost}"))
    return found


def _chance(final: Final) -> str:
    if final.noise is None or final.test_noise is None:
        return ""
    return "more than chance explains" if gap_beyond_chance(final) else "chance explains as much"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _scored(record: Record) -> dict[str, str]:
    """What the best trial of each candidate came to."""
    return {
        trial.candidate: f"{record.metric.name} {number(trial.score)} in {trial.name}"
        for trial in reversed(ranked(record.history.standing))
    }


def _model(record: Record, shuffling: Shuffling) -> _Model | None:
    """What held-out rows show; None for an objective, and before a trial has a score."""
    task = record.task
    if task is None or record.history.best() is None:
        return None
    members = model_of(record.history)
    encoding, rows = read_encoding(record.folder), HeldOutRows.of(record, members)
    found, missing = None, shuffling.reason
    if shuffling.sandbox is not None:
        try:
            found = permutation(record, members, encoding, rows, shuffling.sandbox)
            missing = "" if found else f"{record.metric.name} is not defined on the rows that were drawn"
        except CodegenHpoError as error:  # the rest of the report needs no model to run
            missing = str(error).replace(str(record.folder.path), ".")
    order = [name for lost in found.columns for name in lost.names] if found else []
    target, classes = task.target, task.classes
    return _Model(
        part=rows.part,
        rows=len(rows.labels),
        figures=class_figures(rows, target, classes) if classes else regression_figures(rows, target),
        errors=errors_by_column(rows, seen_columns(encoding, rows), order),
        permutation=found,
        missing=missing,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("codegen_hpo.report", _TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    environment.filters["number"] = number
    environment.globals["style"] = _style()
    return environment


def _style() -> Markup:
    return Markup((Path(__file__).parent / _TEMPLATES / "style.css").read_text(encoding="utf-8"))


def write_page(text: str, to: Path) -> Path:
    """Writes the page whole or not at all. Raises ConfigError."""
    part = to.with_name(f"{to.name}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        part.replace(to)
    except OSError as error:
        raise ConfigError(
            f"cannot write {to}: {error.strerror or error}", hint="choose another -o"
        ) from error
    return to
