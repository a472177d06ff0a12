"""How the search went: the best so far by trial and by second, and the training curves of the best."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from codegen_hpo.assistant.record import Record
from codegen_hpo.engine.fresh_seeds import fresh_trials
from codegen_hpo.records import Series, Trial, ranked
from codegen_hpo.report.figure import INK, MUTED, SERIES, SMALL, draw, label, limits, log_ticks
from codegen_hpo.task import Metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = 5  # trials whose training is drawn
_SHORT = 10  # characters of a proposer of which four stand side by side
_WIDE = 20  # times the lowest loss: beyond, the axis is logarithmic


def best_so_far(record: Record) -> list[Markup]:
    """Two figures: each trial's score by who proposed it, and the best so far; by trial and by second."""
    trials = record.history.trials
    if record.history.best() is None:
        return []
    ended = {event.data["number"]: event.elapsed_s for event in record.folder.of_kind("trial")}
    by_trial = [float(trial.number) for trial in trials]
    by_second = [ended[trial.number] for trial in trials]
    return [
        draw("Best score so far by trial", partial(_course, record=record, x=by_trial, unit="trial")),
        draw("Best score so far by second", partial(_course, record=record, x=by_second, unit="seconds")),
    ]


def _course(axes: "Axes", record: Record, x: Sequence[float], unit: str) -> None:
    trials, metric = record.history.trials, record.metric
    scores = {trial.number: trial.score for trial in record.history.standing if trial.score is not None}
    best_score = max(scores.values()) if metric.higher_is_better else min(scores.values())
    low, high = limits(list(scores.values()), keep=best_score)
    fresh = {trial.number for trial in fresh_trials(record.folder)}
    by = ["fresh seed" if trial.number in fresh else trial.call.proposed_by for trial in trials]
    worst = low if metric.higher_is_better else high
    for number, proposer in enumerate(dict.fromkeys(by)):
        own = [(at, trial) for at, trial, who in zip(x, trials, by, strict=True) if who == proposer]
        scored = [(at, min(max(scores[t.number], low), high)) for at, t in own if t.number in scores]
        failed = [(at, worst) for at, trial in own if trial.number not in scores]
        colour = SERIES[number % len(SERIES)]
        axes.plot(*_sides(scored), "o", color=colour, markersize=4.5, label=label(proposer), clip_on=False)
        axes.plot(*_sides(failed), "x", color=colour, clip_on=False)
    ended = [(at, trial) for at, trial in zip(x, trials, strict=True) if trial.number in scores]
    best = _best(sorted(ended, key=lambda pair: pair[0]), metric)
    axes.step(*_sides(best), where="post", color=INK, label="best so far")
    axes.set(xlabel=unit, ylabel=label(metric.name), ylim=(low, high))
    axes.set_xlim(0, 1.02 * max(x))
    axes.grid(axis="y", alpha=0.5, linewidth=0.6)
    axes.locator_params(axis="x", integer=unit == "trial")
    columns = 4 if all(len(name) <= _SHORT for name in by) else 2
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, columnspacing=1, handlelength=1.2)


def _best(ended: Sequence[tuple[float, Trial]], metric: Metric) -> list[tuple[float, float]]:
    """The best score at each end of a trial that has one."""
    best, steps = math.inf, []
    for at, trial in ended:
        assert trial.loss is not None
        best = min(best, trial.loss)
        steps.append((at, -best if metric.higher_is_better else best))
    return steps


def _sides(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def curves(trials: Sequence[Trial]) -> list[tuple[str, Markup]]:
    """The losses by epoch of the best trials, as the sandbox told them, each with the trial's name."""
    plots: list[tuple[str, Callable[[Axes], None]]] = []
    for trial in ranked(trials):
        if len(trial.outcome.curve) > 1:
            plots.append((trial.name, partial(_curve, trial=trial)))
        elif trial.outcome.trajectory:
            plots.append((trial.name, partial(_trajectory, series=trial.outcome.trajectory)))
    return [(name, draw(f"Training curve of {name}", plot, size=SMALL)) for name, plot in plots[:CURVES]]


def _curve(axes: "Axes", trial: Trial) -> None:
    epochs = [epoch.number for epoch in trial.outcome.curve]
    right = axes.twinx()  # the two losses have units of their own
    right.spines["right"].set_visible(True)
    lines = (
        (axes, SERIES[0], "training", [epoch.train_loss for epoch in trial.outcome.curve]),
        (right, SERIES[1], "early stopping", [epoch.inner_loss for epoch in trial.outcome.curve]),
    )
    for side, colour, name, values in lines:
        side.plot(epochs, values, color=colour)
        side.set_ylabel(name, color=colour)
        known = [value for value in values if math.isfinite(value)]
        if known and min(known) > 0 and max(known) > _WIDE * min(known):
            side.set_yscale("log")
            log_ticks(side.yaxis, min(known), max(known))
    if best := trial.outcome.best_epoch:
        axes.axvline(best, color=MUTED, linewidth=1.0, linestyle="--")
    axes.set_xlabel("epoch")


def _trajectory(axes: "Axes", series: Sequence[Series]) -> None:
    for number, one in enumerate(series[: len(SERIES)]):
        axes.plot(one.steps, one.values, color=SERIES[number], label=label(one.name))
    axes.set(xlabel="step")
    axes.legend()
