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

CURVE_POINTS = 12
ERROR_CHARACTERS = 600
BRIEF_ERROR_CHARACTERS = 160
SERIES = 6  # of a trajectory
_REASON_CHARACTERS = 300
_TEXT_CHARACTERS = 1000  # of an option that is text
_SECONDS = 1.0  # an objective's time is told from here on: below, it says nothing and varies

_STOPPING = {
    "mse": "mean squared error in the target's own unit",
    "mae": "mean absolute error in the target's own unit",
    "msle": "mean squared error of the target's log1p",
}


class Units(NamedTuple):
    """What the two losses of a curve measure: beside a curve, and where curves are explained."""

    training: str
    stopping: str
    training_long: str
    stopping_long: str
    compared: str


class Feedback(NamedTuple):
    """One trial as the prompts' templates show it."""

    number: int
    proposed_by: str
    arguments: str  # a JSON object on one line
    result: str
    error: str  # of a failed trial, trimmed; text of what was run, to be fenced
    train_curve: str
    inner_curve: str
    units: Units
    reasons: str  # a JSON object on one line, by hyperparameter; empty if there are none
    trajectory: tuple[tuple[str, str], ...]  # name and course of each series that is shown
    analysis: str  # the words of a model that read the run's log


def loss_units(metric: Metric) -> Units:
    """The units of the loss curves: in regression they differ, and a model must not compare the two."""
    if "regression" not in metric.kinds:
        return Units(
            "cross-entropy",
            "cross-entropy",
            "the mean cross-entropy of the batches, with dropout and label smoothing at work",
            "the cross-entropy of the inner part, without either",
            "With strong dropout or smoothing the first may lie above the second.",
        )
    stopping = _STOPPING[STOP_ON[metric.name]]
    return Units(
        "standardised target",
        stopping,
        "that of the call on the standardised target (with mse, the mean as a guess gives about 1)",
        f"the {stopping}",
        "The two have different units: compare each with itself over epochs and trials, never one with the "
        "other. Overfitting shows where the early-stopping loss rises while the training loss falls.",
    )


def feedback(trial: Trial, metric: Metric, *, best: bool, detailed: bool) -> Feedback:
    """The trial's result, if `detailed` with curves, words and whole error; `best` marks the leader."""
    outcome = trial.outcome
    reasons = {name: text[:_REASON_CHARACTERS] for name, text in trial.call.reasons.items()}
    limit = ERROR_CHARACTERS if detailed else BRIEF_ERROR_CHARACTERS
    return Feedback(
        number=trial.number,
        proposed_by=trial.call.proposed_by,
        arguments=arguments_text(trial.call.arguments),
        result=result_line(trial, metric) + (" — the best so far" if best else ""),
        error=outcome.error[-limit:] if trial.score is None else "",
        train_curve=_curve(outcome.curve, "train_loss") if detailed else "",
        inner_curve=_curve(outcome.curve, "inner_loss") if detailed else "",
        units=loss_units(metric),
        reasons=arguments_text(reasons) if detailed and reasons else "",
        trajectory=trajectory_lines(outcome.trajectory, metric) if detailed else (),
        analysis=trial.analysis if detailed else "",
    )


def result_line(trial: Trial, metric: Metric) -> str:
    """One line: the metric in scientific notation with four decimals, or how the trial failed; its cost."""
    outcome = trial.outcome
    of_table = bool(metric.kinds)
    cost = f"; {outcome.seconds:.1f} s" if of_table or outcome.seconds >= _SECONDS else ""
    if trial.score is None:
        where = f" in {outcome.stage}" if outcome.stage else ""
        return f"failed ({outcome.status}{where}){cost}"
    if outcome.parameters:
        cost += f", {outcome.parameters:,} parameters"
    if outcome.curve:
        cost += f", best epoch {outcome.best_epoch} of {outcome.curve[-1].number}"
        cost += f", stopped by {outcome.stopped}" if outcome.stopped else ""
    name = f"validation {metric.name}" if of_table else quoted(metric.name, 100)
    return f"{name} {trial.score:.4e}{cost}"


def arguments_text(arguments: Arguments) -> str:
    """The arguments as a JSON object on one line, whose texts can end neither the line nor a fence or tag."""
    pairs = (f"{quoted(name, _TEXT_CHARACTERS)}: {_value(value)}" for name, value in arguments.items())
    return f"{{{', '.join(pairs)}}}"


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
    kept = turning_points(series, CURVE_POINTS)
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


def _curve(curve: Sequence[Epoch], loss: str) -> str:
    return ", ".join(f"{epoch.number}: {getattr(epoch, loss):.4g}" for epoch in thinned(curve))


def _value(value: Scalar) -> str:
    return quoted(value, _TEXT_CHARACTERS) if isinstance(value, str) else json.dumps(value)
