"""A run on a few pages: what an assistant is shown before it looks anything up."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from codegen_hpo.assistant.record import Record
from codegen_hpo.author.card import task_card
from codegen_hpo.llm.prompts import quoted, render
from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import Choice, Dimension, Scalar, Space, range_text
from codegen_hpo.tuner.feedback import arguments_text, result_line

BEST, FAILED, LATEST = 20, 20, 40  # trials that are listed; where there are fewer in all, every one
_CANDIDATES, _DIMENSIONS, _OPTIONS, _COUNTED = 10, 40, 30, 40
_ARGUMENTS, _ERROR = 400, 120  # characters of a trial's line


class Searched(NamedTuple):
    """A space, and what it is the space of."""

    title: str  # empty for that of an objective
    dimensions: list[str]


def digest(record: Record) -> str:
    """The run's task, spaces, trials and end, bounded, whatever its length."""
    history = record.history
    listed = listed_trials(history.trials)
    best = history.best()
    return render(
        "ask_run",
        history=history,
        about=_about(record),
        spaces=list(_spaces(record)),
        metric=record.metric,
        failed=sum(trial.loss is None for trial in history.trials),
        best=best.name if best else "",
        trials=[trial_line(record, trial) for trial in listed],
        left_out=len(history.trials) - len(listed),
        kinds=Counter(event.kind for event in record.folder.events).most_common(_COUNTED),
    )


def listed_trials(trials: Sequence[Trial]) -> list[Trial]:
    """The best, the last that failed, and the latest, in their order."""
    failed = [trial for trial in trials if trial.loss is None]
    kept = {trial.number for trial in [*ranked(trials)[:BEST], *failed[-FAILED:], *trials[-LATEST:]]}
    return [trial for trial in trials if trial.number in kept]


def trial_line(record: Record, trial: Trial) -> str:
    """A trial on one line: its event, who proposed it, its arguments, its result."""
    by = " ".join(filter(None, (trial.candidate, f"by {trial.call.proposed_by}")))
    if trial.call.fallback:
        by += " in the model's place"
    line = f"{trial.name} [event {record.recorded(trial).number}] {quoted(by)}: "
    line += f"{_cut(arguments_text(trial.call.arguments), _ARGUMENTS)}: {result_line(trial, record.metric)}"
    if trial.outcome.error:
        line += f"; error {quoted(trial.outcome.error[-_ERROR:], _ERROR)}"
    if trial.name in record.history.disqualified:
        line += f"; disqualified: {quoted(record.history.disqualified[trial.name], _ERROR)}"
    return line


def _about(record: Record) -> str:
    if record.task:
        return task_card(record.task, private=record.private)
    if record.aim is None:
        return "The run was stopped before its data were prepared."
    commanded = record.aim.commanded
    return render(
        "ask_objective",
        about=record.aim.about,
        command=commanded.text if commanded else "",
        space_by=record.aim.space_by,
    )


def _spaces(record: Record) -> Iterator[Searched]:
    if record.aim:
        yield Searched("", _dimensions(record.aim.space))
    attempts = Counter(attempt.candidate for attempt in record.history.attempts)
    for candidate in record.history.candidates[:_CANDIDATES]:
        title = (
            f"{candidate.name}, written by {quoted(candidate.author)}, {attempts[candidate.name]} attempts: "
        )
        yield Searched(title + quoted(candidate.title, 120), _dimensions(candidate.space))


def _dimensions(space: Space) -> list[str]:
    lines = [f"{quoted(name, 100)}: {_dimension(dimension)}" for name, dimension in space.items()]
    more = len(lines) - _DIMENSIONS
    return [*lines[:_DIMENSIONS], f"and {more} more"] if more > 0 else lines


def _dimension(dimension: Dimension) -> str:
    kind = "one of" if isinstance(dimension, Choice) else f"{type(dimension).__name__.lower()} from"
    said = f"{kind} {_cut(range_text(dimension, _shown, _OPTIONS), 300)}"
    if dimension.default is not None:
        said += f", default {_shown(dimension.default)}"
    return said + (f" ({quoted(dimension.description, 120)})" if dimension.description else "")


def _shown(value: Scalar) -> str:
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
