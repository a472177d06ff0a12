"""Everything that a run recorded of one trial, in parts that a model may ask for."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from codegen_hpo.assistant.record import Record
from codegen_hpo.contract.frame import code_frame
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.prompts import quoted
from codegen_hpo.objective.trial_folder import read_log
from codegen_hpo.records import Finding, Series, Trial
from codegen_hpo.sandbox.plain_text import plain
from codegen_hpo.store.history import source_of
from codegen_hpo.tuner.feedback import arguments_text, result_line, spaced

Part = Literal["facts", "curve", "log", "source"]
PARTS: tuple[Part, ...] = ("facts", "curve", "log", "source")

_PAGE = 3_400  # characters of a log or source at once: an observation holds little more
_LINE = 400  # characters of one line
_POINTS, _SERIES = 40, 10
_TEXT = 1_200  # characters of one text within the facts
_BEFORE = 15  # lines of a source before the one that failed


def sheet(record: Record, trial: Trial, part: Part, from_line: int = 0) -> str:
    """One part of what is known of the trial. What programs and models wrote stands behind a bar.

    Args:
        record: the run.
        trial: one of it.
        part: "facts", "curve", "log" or "source".
        from_line: where a log or source is to begin; 0 is the end of a log, and of a source where it failed.
    """
    return _PARTS[part](record, trial, from_line)


def _facts(record: Record, trial: Trial, _from_line: int) -> str:
    call, outcome = trial.call, trial.outcome
    event = record.recorded(trial)
    lines = [
        f"Trial {trial.name}, recorded as event {event.number} at {event.elapsed_s:.0f} s of the run",
        f"proposed by {quoted(call.proposed_by)}"
        + (f", function {trial.candidate}" if trial.candidate else ""),
        f"result: {result_line(trial, record.metric)}",
        f"arguments: {arguments_text(call.arguments)}",
    ]
    if outcome.peak_memory_bytes:  # of a script it is not known
        memory = f"{outcome.peak_memory_bytes / 2**20:.0f} MiB"
        lines.append(f"device {quoted(outcome.device)}, peak memory {memory}")
    if trial.name in record.history.disqualified:
        lines += ["its model is not used:", *_barred(record.history.disqualified[trial.name])]
    reasons = [f"{name}: {reason}" for name, reason in call.reasons.items()]
    for title, text in (
        ("it took a turn of the model's, because:", call.fallback),
        ("the proposer's words:", call.reasoning),
        ("its reasons for single values:", "\n".join(reasons)),
        ("the error:", outcome.error),
        ("notes:", "\n".join(outcome.notes)),
        ("what a model said of the result:", trial.analysis),
    ):
        if text:
            lines += [title, *_barred(text)]
    lines += _failing_lines(record, trial)
    return "\n".join(lines)


def _failing_lines(record: Record, trial: Trial) -> list[str]:
    """The source around the line that failed, if one is known."""
    if not trial.candidate or trial.outcome.line is None:
        return []
    try:
        source = source_of(record.folder, trial)
    except ConfigError:
        return []
    finding = Finding(
        gate="dry-run", rule=trial.outcome.status, message="it failed here", line=trial.outcome.line
    )
    return ["where it failed:", *_barred(code_frame(source, [finding]))]


def _curve(_record: Record, trial: Trial, _from_line: int) -> str:
    outcome = trial.outcome
    lines = []
    if outcome.curve:
        lines.append(f"{len(outcome.curve)} epochs: training loss, early-stopping loss, seconds")
        for epoch in (outcome.curve[place] for place in spaced(len(outcome.curve), _POINTS, set())):
            lines.append(
                f"{epoch.number}: {epoch.train_loss:.5g}, {epoch.inner_loss:.5g}, {epoch.seconds:.1f}"
            )
    lines += [_series(series) for series in outcome.trajectory[:_SERIES]]
    return "\n".join(lines) or f"{trial.name} recorded no curve"


def _series(series: Series) -> str:
    places = spaced(len(series.steps), _POINTS, set())
    points = ", ".join(f"{series.steps[place]:g}: {series.values[place]:.5g}" for place in places)
    return f"{quoted(series.name)}: {points}"


def _log(record: Record, trial: Trial, from_line: int) -> str:
    text = trial.outcome.stdout or _printed(record, trial)
    lines = plain(text).splitlines()
    if not lines:
        return f"nothing that {trial.name} printed was kept"
    if from_line:
        return _page(lines, from_line)
    first, room = len(lines), _PAGE
    while first and room >= (used := min(len(lines[first - 1]), _LINE) + 10):
        first, room = first - 1, room - used
    return _page(lines, min(first, len(lines) - 1) + 1)


def _printed(record: Record, trial: Trial) -> str:
    """What a command left in its trial's folder."""
    return read_log(record.folder, str(record.recorded(trial).data.get("files", "")))


def _source(record: Record, trial: Trial, from_line: int) -> str:
    if not trial.candidate:
        return "the record holds no source: the run tuned something of the user's own"
    try:
        lines = plain(source_of(record.folder, trial)).splitlines()
    except ConfigError as error:
        return str(error)
    return _page(lines, from_line or max(1, (trial.outcome.line or 1) - _BEFORE))


_PARTS: dict[Part, Callable[[Record, Trial, int], str]] = {
    "facts": _facts,
    "curve": _curve,
    "log": _log,
    "source": _source,
}


def _page(lines: Sequence[str], from_line: int) -> str:
    """The numbered lines from one on, as many as fit, and where to go on."""
    shown: list[str] = []
    room = _PAGE
    for number, line in list(enumerate(lines, 1))[max(0, from_line - 1) :]:
        text = f"{number} | {line[:_LINE]}{'…' if len(line) > _LINE else ''}"
        room -= len(text)
        if shown and room < 0:
            return "\n".join([*shown, f"(of {len(lines)} lines; go on with from_line {number})"])
        shown.append(text)
    return "\n".join([*shown, f"(the end; {len(lines)} lines in all)"])


def _barred(text: str) -> Iterator[str]:
    """The text's lines, each behind a bar, which none of them can forge."""
    kept = plain(text).strip()
    # of an error the end tells most
    kept = kept if len(kept) <= _TEXT else f"{kept[: _TEXT // 3]}\n…\n{kept[-2 * _TEXT // 3 :]}"
    return (f"| {line}" for line in kept.splitlines())
