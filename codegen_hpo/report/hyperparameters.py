"""What the trials tell of each hyperparameter beside what the model said of it, and where it was sought."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from codegen_hpo.agenthpo.importance import BY_CHANCE, Importances, Influence, importances
from codegen_hpo.assistant.record import Record
from codegen_hpo.engine.reserve import firsts
from codegen_hpo.records import Trial, ranked
from codegen_hpo.report.figure import INK, LINE, MUTED, SERIES, SMALL, draw, label, limits, log_ticks
from codegen_hpo.shown import number
from codegen_hpo.space import Choice, Dimension, Int, Scalar, Space, range_text
from codegen_hpo.task import Metric
from codegen_hpo.tuner.feedback import spaced
from codegen_hpo.tuner.points import option_index, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SLICES = 24  # figures of one hyperparameter each, the most important first
_POINTS = 150  # trials in a figure
_REASONS = 3  # the latest different ones of an argument
_CALLS = 5  # the best ones whose reasoning is shown
_ACROSS = 12  # axes side by side
_FLAT = 4  # options whose names stand beside one another
_REASON = 400  # characters


class Reason(NamedTuple):
    """Why the model chose a value, or a call, in its own words."""

    trial: str
    value: str  # of the argument, or what the call came to
    text: str


class Argument(NamedTuple):
    """One hyperparameter."""

    influence: Influence
    range: str
    description: str
    best: str  # the value in the best trial
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """One space, and what its trials tell."""

    name: str  # of the candidate; empty for an objective
    title: str
    importances: Importances
    by_chance: str
    arguments: tuple[Argument, ...]
    reasoning: tuple[Reason, ...]  # of the best calls of which the model said something
    across: Markup | None
    slices: tuple[Markup, ...]  # of the best space alone

    @property
    def said(self) -> bool:
        """Whether a model gave reasons for single arguments."""
        return any(argument.reasons for argument in self.arguments)


def searched(record: Record) -> list[Searched]:
    """The spaces of a run that have trials, the best one's first."""
    history = record.history
    if record.aim:
        found = [("", "", record.aim.space, history.standing)]
    else:
        # a call that was trained again on a fresh seed is one point of the space
        calls = firsts(history.standing)[::-1]
        found = [
            (c.name, c.title, c.space, [t for t in calls if t.code_hash == c.code_hash])
            for c in history.candidates
        ]
    parts = [part for part in found if part[3]]
    parts.sort(key=lambda part: min((t.loss for t in part[3] if t.loss is not None), default=float("inf")))
    return [_searched(record.metric, *part, sliced=not place) for place, part in enumerate(parts)]


def _searched(
    metric: Metric, name: str, title: str, space: Space, trials: Sequence[Trial], *, sliced: bool
) -> Searched:
    computed = importances(space, trials)
    order = [influence.name for influence in computed.influences]
    scored = ranked(trials)
    shown = [scored[place] for place in spaced(len(scored), _POINTS, set())]
    varied = [n for n in order if len({repr(trial.call.arguments[n]) for trial in shown}) > 1]
    return Searched(
        name=name,
        title=title,
        importances=computed,
        by_chance=BY_CHANCE if not computed.reason else "",
        arguments=tuple(_argument(influence, space, scored, trials) for influence in computed.influences),
        reasoning=tuple(
            Reason(trial.name, number(trial.score), trial.call.reasoning[:_REASON])
            for trial in scored
            if trial.call.reasoning
        )[:_CALLS],
        across=_across(metric, name, space, varied[:_ACROSS], shown) if len(varied) > 1 else None,
        slices=tuple(_slice(metric, name, n, space[n], shown) for n in varied[: _SLICES * sliced]),
    )


def _argument(
    influence: Influence, space: Space, scored: Sequence[Trial], trials: Sequence[Trial]
) -> Argument:
    name = influence.name
    said: dict[str, Reason] = {}
    for trial in trials:
        if text := trial.call.reasons.get(name, "").strip():
            said[text] = Reason(trial.name, number(trial.call.arguments[name]), text[:_REASON])
    return Argument(
        influence=influence,
        range=range_text(space[name], number),
        description=space[name].description,
        best=number(scored[0].call.arguments[name]) if scored else "–",
        reasons=tuple(said.values())[-_REASONS:],
    )


def _slice(
    metric: Metric, candidate: str, name: str, dimension: Dimension, trials: Sequence[Trial]
) -> Markup:
    """The score against one argument's value; the best trial is ringed."""

    def plot(axes: "Axes") -> None:
        x = [_place(dimension, trial.call.arguments[name]) for trial in trials]
        scores = [trial.score or 0.0 for trial in trials]
        low, high = limits(scores, keep=scores[0])
        axes.plot(
            x,
            [min(max(score, low), high) for score in scores],
            "o",
            color=SERIES[0],
            alpha=0.75,
            markersize=5,
            clip_on=False,
        )
        axes.plot(x[0], scores[0], "o", color=INK, markersize=9, markerfacecolor="none")
        if isinstance(dimension, Choice):
            names, many = [label(option, 14) for option in dimension.options], len(dimension.options) > _FLAT
            axes.set_xticks(
                range(len(names)), names, rotation=35 if many else 0, ha="right" if many else "center"
            )
            axes.set_xlim(-0.5, len(dimension.options) - 0.5)
        elif dimension.log:
            axes.set_xscale("log")
            axes.set_xlim(dimension.low * 0.95, dimension.high * 1.05)
            log_ticks(axes.xaxis, dimension.low, dimension.high)
        elif dimension.high > dimension.low:
            margin = 0.03 * (dimension.high - dimension.low)
            axes.set_xlim(dimension.low - margin, dimension.high + margin)
            axes.locator_params(axis="x", nbins=6, integer=isinstance(dimension, Int))
        axes.set(xlabel=label(name), ylabel=label(metric.name), ylim=(low, high))

    return draw(f"Score against {label(name)} {candidate}".strip(), plot, size=SMALL)


def _place(dimension: Dimension, value: Scalar) -> float:
    return float(option_index(dimension, value)) if isinstance(dimension, Choice) else float(value)


def _across(
    metric: Metric, candidate: str, space: Space, names: Sequence[str], trials: Sequence[Trial]
) -> Markup:
    """Parallel coordinates: a line a trial, the better the stronger; the best one in ink."""

    def plot(axes: "Axes") -> None:
        rows = list(range(len(names)))
        for place, trial in reversed(list(enumerate(trials))):
            x = [_share(space[name], trial.call.arguments[name]) for name in names]
            strength = 1 - place / max(1, len(trials) - 1)
            axes.plot(
                x,
                rows,
                color=INK if place == 0 else SERIES[0],
                alpha=1.0 if place == 0 else 0.12 + 0.55 * strength**2,
                linewidth=2.2 if place == 0 else 1.1,
            )
        for row, name in zip(rows, names, strict=True):
            axes.axhline(row, color=LINE, linewidth=0.8, zorder=0)
            low, high = _ends(space[name])
            axes.text(-0.04, row + 0.12, low, color=MUTED, fontsize=7.5, ha="right", va="top")
            axes.text(1.04, row, high, color=MUTED, fontsize=7.5, ha="left", va="center")
        axes.set_yticks(rows, [label(name, 18) for name in names], va="bottom")
        axes.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.6, -0.6), xticks=[])
        for side in axes.spines.values():
            side.set_visible(False)

    return draw(
        f"Arguments of all trials {candidate}, best in {label(metric.name)} strongest",
        plot,
        size=(4.8, 0.8 + 0.42 * len(names)),
    )


def _share(dimension: Dimension, value: Scalar) -> float:
    if isinstance(dimension, Choice):
        return option_index(dimension, value) / max(1, len(dimension.options) - 1)
    return share(dimension, float(value))


def _ends(dimension: Dimension) -> tuple[str, str]:
    if isinstance(dimension, Choice):
        return label(dimension.options[0], 12), label(dimension.options[-1], 12)
    return number(dimension.low), number(dimension.high)
