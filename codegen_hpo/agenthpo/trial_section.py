"""One trial in the experiment log: what was tried, why, and what came of it."""

from collections.abc import Callable, Sequence

from codegen_hpo.agenthpo.figures import Figures
from codegen_hpo.agenthpo.markdown import code, inline, quotation, table
from codegen_hpo.agenthpo.standing import Compared, base, difference
from codegen_hpo.llm.prompts import fenced
from codegen_hpo.objective.settings import Aim
from codegen_hpo.records import Series, Trial
from codegen_hpo.space import Scalar
from codegen_hpo.tuner.feedback import shown_series, turning_points
from codegen_hpo.tuner.history import MODEL
from codegen_hpo.tuner.tool import REASONED

STEPS = 12  # of a trajectory that are shown
_REASON_CHARACTERS = 500

_FAILURES = {
    "contract": "it broke its contract",
    "error": "it ended with an error",
    "nan": "its metric is no finite number",
    "timeout": "it was stopped at its time limit",
    "oom": "it ran out of memory",
    "killed": "it was killed",
    "bad_result": "no metric could be read",
}


def trial_section(
    aim: Aim,
    trial: Trial,
    against: Compared,
    figures: Figures,
    printed: Callable[[Trial], str],
    folder: str,
) -> str:
    """The section of a trial, its heading included.

    Args:
        aim: what is tuned.
        trial: the one that is told of.
        against: what it is held against.
        figures: the numbers of the log, in which those of an analysis are looked up.
        printed: gives what the script printed in a trial; they are looked up there, too.
        folder: where the trial left it, relative to the run; empty if nowhere.
    """
    result = "failed" if trial.score is None else f"{trial.score:.5g}"
    parts = [
        f"### Trial {trial.number}: {result}",
        _origin(trial),
        _arguments(aim, trial, against.before),
        _result(aim, trial, against),
        f"What it printed and left is in {code(folder)}." if folder else "",
        _notes(trial),
        _trajectory(trial.outcome.trajectory, aim.metric),
    ]
    if trial.analysis:
        said = figures.marked(trial.analysis, lambda: printed(trial)).text
        parts.append(f"What the model says of it after reading the script's log:\n\n{quotation(said)}")
    return "\n\n".join(filter(None, parts))


def proposer(trial: Trial) -> str:
    """Who chose the values, in a word or two."""
    by = trial.call.proposed_by
    known = {MODEL: "the model", "default": "the base", "start": "the user"}
    return known.get(by) or inline(by, 40)


def value_text(value: Scalar | None) -> str:
    """A value as a cell: a text as code, so that it is not taken for a number."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return code(value or '""', 80)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _origin(trial: Trial) -> str:
    call = trial.call
    if call.proposed_by == "default":
        return "The values as the user left them: what the others are compared with."
    if call.proposed_by == "start":
        return "Values that the user gave to begin with."
    told = f"Proposed by {proposer(trial)}."
    if call.fallback:
        told = f"It was the model's turn, which {proposer(trial)} took: {inline(call.fallback)}."
    if call.reasoning:
        told += f" What the model had in mind:\n\n{quotation(call.reasoning)}"
    return told


def _arguments(aim: Aim, trial: Trial, before: Trial | None) -> str:
    compared = before.call.arguments if before else base(aim.space)
    header = f"before (trial {before.number}, the best so far)" if before else "base"
    rows = []
    for name, value in trial.call.arguments.items():
        old = compared.get(name)
        same = old == value and isinstance(old, bool) == isinstance(value, bool)
        rows.append(
            [code(name), value_text(value), "the same" if same else value_text(old), _reason(trial, name)]
        )
    return table(["hyperparameter", "value", header, "reason"], rows)


def _reason(trial: Trial, name: str) -> str:
    by = trial.call.proposed_by
    if by in ("default", "start"):
        return "as the user left it" if by == "default" else "given by the user"
    if by != MODEL:
        return f"chosen by {proposer(trial)}"
    if len(trial.call.arguments) > REASONED:
        return "none was asked for: there are too many"
    return inline(trial.call.reasons.get(name, ""), _REASON_CHARACTERS) or "none was given"


def _result(aim: Aim, trial: Trial, against: Compared) -> str:
    outcome = trial.outcome
    if trial.score is None:
        why = _FAILURES.get(outcome.status, outcome.status)
        status = "" if outcome.status in why else f" ({outcome.status})"
        told = f"**Failed** after {outcome.seconds:.1f} s: {why}{status}."
        return f"{told}\n\n{fenced(outcome.error)}" if outcome.error else told
    told = f"**Result:** {code(aim.metric)} {trial.score:.5g} in {outcome.seconds:.1f} s"
    yardstick, before = against
    if yardstick and yardstick.score is not None and yardstick is not trial:
        told += f"; {difference(trial.score, yardstick.score)} the base"
    if before and before.loss is not None and trial.loss is not None:
        told += "; the best so far" if trial.loss < before.loss else f"; trial {before.number} stays the best"
    return f"{told}."


def _notes(trial: Trial) -> str:
    return "\n".join(f"- Note: {inline(note)}" for note in trial.outcome.notes)


def _trajectory(trajectory: Sequence[Series], metric: str) -> str:
    """The course of the metric and of some other series, at a few steps of the first of them."""
    shown = shown_series(trajectory, metric)
    # one step of the metric alone is the result, which is told already
    if not shown or (len(shown) == 1 and shown[0].name == metric and len(shown[0].steps) == 1):
        return ""
    steps = [shown[0].steps[place] for place in turning_points(shown[0], STEPS)]
    rows = []
    for series in shown:
        at = dict(zip(series.steps, series.values, strict=True))
        rows.append([code(series.name, 60), *(_point(at.get(step)) for step in steps)])
    header = ["step", *(f"{step:.6g}" for step in steps)]
    return f"How it went, as the script tells it:\n\n{table(header, rows)}"


def _point(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
