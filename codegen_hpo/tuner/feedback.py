"""What a trial came to, in the words and numbers that a language model is told."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from codegen_hpo.bundle import STOP_ON
from codegen_hpo.llm.prompts import quoted
from codegen_hpo.records import Epoch, Series, Trial
from codegen_hpo.space import Arguments, Scalar, Space
from codegen_hpo.task import Metric

CURVE_POINTS = 4  # of the losses by epoch
COURSE_POINTS = 12  # of a series of a script
ERROR_CHARACTERS = 400
BRIEF_ERROR_CHARACTERS = 160
SERIES = 6  # of a trajectory
_REASON_CHARACTERS = 300
_TEXT_CHARACTERS = 1000  # of an option that is text
_SECONDS = 1.0  # an objective's time is told from here on: below, it says nothing and varies

_STOPPING = {
    "mse": "squared error in the target's unit",
    "mae": "absolute error in the target's unit",
    "msle": "squared error of the target's log1p",
}
# what is worth a word: that patience or the epochs' number ended a training is the rule
_STOPPED = {"time": "stopped by the time limit", "nan": "stopped by nan", "pruned": "pruned as hopeless"}


class Units(NamedTuple):
    """What the two losses of a curve measure, and how they compare."""

    training: str
    stopping: str
    compared: str


class Feedback(NamedTuple):
    """One trial as the prompts' templates show it: a line or two, and what is shown of few trials."""

    number: int
    proposed_by: str
    arguments: str  # a JSON object on one line
    result: str  # one line
    error: str  # the end of a failed trial's error, to be fenced; empty where the result tells it all
    losses: str  # by epoch: "1: 0.98/21.3, …", training and early stopping
    reasons: str  # a JSON object on one line, by hyperparameter; empty if there are none
    trajectory: tuple[tuple[str, str], ...]  # name and course of each series that is shown
    analysis: str  # the words of a model that read the run's log


def loss_units(metric: Metric) -> Units:
    """The units of the loss curves: in regression they differ, and a model must not compare the two."""
    if "regression" not in metric.kinds:
        return Units(
            "cross-entropy with dropout and smoothing at work",
            "without",
            "The first may lie above the second.",
        )
    return Units(
        "the call's loss on the standardised target",
        _STOPPING[STOP_ON[metric.name]],
        "Never compare the two.",
    )


def feedback(trial: Trial, metric: Metric, defaults: Arguments, *, best: bool = False) -> Feedback:
    """All that a prompt may tell of the trial.

    Args:
        trial: the trial.
        metric: what was scored.
        defaults: arguments with these values are left out.
        best: marks it as the leader.
    """
    outcome, call = trial.outcome, trial.call
    failed = trial.score is None
    told = {name: value for name, value in call.arguments.items() if not _same(value, defaults.get(name))}
    brief = _last_line(outcome.error) if failed else ""
    return Feedback(
        number=trial.number,
        proposed_by=call.proposed_by,
        arguments=arguments_text(told, tight=True),
        result=result_line(trial, metric, brief=True)
        + (f": {quoted(brief, BRIEF_ERROR_CHARACTERS)}" if brief else "")
        + (" — the best so far" if best else ""),
        error=outcome.error[-ERROR_CHARACTERS:] if failed and outcome.error.strip() != brief else "",
        losses=", ".join(
            f"{epoch.number}: {epoch.train_loss:.3g}/{epoch.inner_loss:.3g}"
            for epoch in thinned(outcome.curve)
        ),
        reasons=arguments_text({name: text[:_REASON_CHARACTERS] for name, text in call.reasons.items()})
        if call.reasons
        else "",
        trajectory=trajectory_lines(outcome.trajectory, metric),
        analysis=trial.analysis,
    )


def result_line(trial: Trial, metric: Metric, *, brief: bool = False) -> str:
    """One line: the metric in scientific notation with four decimals, or how the trial failed; its cost.

    Args:
        trial: the trial.
        metric: what was scored.
        brief: for a list of trials of one function, whose size follows from the arguments.
    """
    outcome = trial.outcome
    of_table = bool(metric.kinds)
    cost = f"; {outcome.seconds:.1f} s" if of_table or outcome.seconds >= _SECONDS else ""
    if trial.score is None:
        where = f" in {outcome.stage}" if outcome.stage else ""
        return f"failed ({outcome.status}{where}){cost}"
    if outcome.parameters and not brief:
        cost += f", {outcome.parameters:,} parameters"
    if outcome.curve:
        cost += f", best epoch {outcome.best_epoch} of {outcome.curve[-1].number}"
        cost += f", {_STOPPED[outcome.stopped]}" if outcome.stopped in _STOPPED else ""
    name = f"{'' if brief else 'validation '}{metric.name}" if of_table else quoted(metric.name, 100)
    return f"{name} {trial.score:.4e}{cost}"


def arguments_text(arguments: Arguments, *, tight: bool = False) -> str:
    """The arguments as a JSON object on one line, whose texts can end neither the line nor a fence or tag.

    Args:
        arguments: by name.
        tight: for lists that a model reads: without blanks, which take about a third more tokens, and with
            six significant digits.
    """
    blank = "" if tight else " "
    told = {name: _rounded(value) if tight else value for name, value in arguments.items()}
    pairs = (f"{quoted(name, _TEXT_CHARACTERS)}:{blank}{_value(value)}" for name, value in told.items())
    return f"{{{f',{blank}'.join(pairs)}}}"


def usable(trial: Trial, space: Space) -> Trial | None:
    """The trial as a tuner over `space` learns it; None when its arguments are not of this space.

    Its arguments are written as the space writes them, and a value that is no finite number is a failure.
    """
    arguments = space.check(trial.call.arguments).arguments
    if arguments is None:
        return None
    trial = replace(trial, call=replace(trial.call, arguments=arguments))
    if trial.loss is not None and trial.score is not None and math.isfinite(trial.loss):
        return trial
    status = "nan" if trial.outcome.status == "ok" else trial.outcome.status
    return replace(trial, score=None, loss=None, outcome=replace(trial.outcome, status=status))


def trajectory_lines(trajectory: Sequence[Series], metric: Metric) -> tuple[tuple[str, str], ...]:
    """The name and the course of each series: the metric first, few points of each."""
    return tuple((series.name, _course(series)) for series in shown_series(trajectory, metric.name))


def shown_series(trajectory: Sequence[Series], metric: str) -> list[Series]:
    """The few series that are shown, the metric's first."""
    return sorted(trajectory, key=lambda series: series.name != metric)[:SERIES]


def turning_points(series: Series, points: int) -> list[int]:
    """At most `points` places of the series: the first, the last, the extremes, the others evenly spaced."""
    finite = [place for place, value in enumerate(series.values) if math.isfinite(value)]
    extremes = {pick(finite, key=series.values.__getitem__) for pick in (min, max)} if finite else set()
    return spaced(len(series.values), points, extremes)


def _course(series: Series) -> str:
    kept = turning_points(series, COURSE_POINTS)
    return ", ".join(f"{series.steps[i]:.6g}: {series.values[i]:.4g}" for i in kept)


def thinned(curve: Sequence[Epoch], points: int = CURVE_POINTS) -> list[Epoch]:
    """At most `points` epochs, evenly spaced, the first, the best inner one and the last among them."""
    if not curve:
        return []
    inner = [math.inf if math.isnan(epoch.inner_loss) else epoch.inner_loss for epoch in curve]
    return [curve[i] for i in spaced(len(curve), points, {inner.index(min(inner))})]


def spaced(count: int, points: int, wanted: set[int]) -> list[int]:
    """At most `points` places among `count`: the first, the last, those wanted, the others evenly spaced."""
    if count <= points:
        return list(range(count))
    even = points - len(wanted)
    return sorted({round(i * (count - 1) / (even - 1)) for i in range(even)} | wanted)


def _last_line(error: str) -> str:
    """The last line that holds anything: of a traceback, the exception."""
    lines = error.strip().splitlines()
    return lines[-1].strip() if lines else ""


def _same(value: Scalar, default: Scalar | None) -> bool:
    return value == default and isinstance(value, bool) == isinstance(default, bool)


def _rounded(value: Scalar) -> Scalar:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _value(value: Scalar) -> str:
    return quoted(value, _TEXT_CHARACTERS) if isinstance(value, str) else json.dumps(value)
