"""The milestones of repeated runs as Markdown tables, and their trajectories as a figure.

The tables are those of AgentHPO (arXiv 2402.01881): its results at the milestones and its table 4, tokens and
cost of a task; the figure is its figure 3.
"""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen_hpo.agenthpo.standing import MILESTONES
from codegen_hpo.bench.milestones import RANDOM, Lead, Milestone, Repeat, Repeats, leads, milestones
from codegen_hpo.bench.plots import load_pyplot
from codegen_hpo.bench.summary import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 4  # panels side by side


def milestone_tables(repeats: Repeats) -> str:
    """The tables: best values, the lead over random search, and what models were asked."""
    blocks = ["Best value so far, mean ± standard deviation over the runs:", _bests(repeats)]
    if RANDOM in repeats.tuners and len(repeats.tuners) > 1:
        blocks += ["Ahead of `random` by (difference of the means; above zero is better):", _leads(repeats)]
    if any(repeat.model for repeat in repeats.repeats):
        blocks += ["Tokens and cost, the mean of a run:", _spent(repeats)]
    return "\n\n".join(blocks)


def draw_trajectories(repeats: Repeats, file: Path) -> Path:
    """The PNG of the best value so far against trials, a panel a task: mean and standard deviation.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    pyplot = load_pyplot()
    columns = min(_COLUMNS, len(repeats.tasks))
    rows = math.ceil(len(repeats.tasks) / columns)
    figure, panels = pyplot.subplots(
        rows,
        columns,
        figsize=(3.4 * columns + 0.8, 2.7 * rows + 0.8),
        squeeze=False,
        layout="constrained",
    )
    for panel in panels.flat[len(repeats.tasks) :]:
        panel.set_axis_off()
    for panel, task in zip(panels.flat, repeats.tasks, strict=False):
        _trajectories(panel, repeats, task)
    lines = panels[0][0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=4, fontsize=8)
    figure.suptitle("best value so far: mean and standard deviation of the runs", fontsize=10)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
    return file


def _trajectories(panel: "Axes", repeats: Repeats, task: str) -> None:
    of_task = [repeat for repeat in repeats.repeats if repeat.task == task]
    trials = range(1, max(len(repeat.scores) for repeat in of_task) + 1)
    for place, tuner in enumerate(repeats.tuners):
        found = repeats.of(task, tuner)
        # one trial is a value to compare with, and no search
        once = bool(found) and all(len(repeat.scores) == 1 for repeat in found)
        style: dict[str, Any] = {"linestyle": "--"} if once else {"marker": "."}
        _line(panel, milestones(found, trials), label=tuner, color=f"C{place}", **style)
    panel.set_title(task, fontsize=9)
    panel.set_xlabel("trials", fontsize=8)
    panel.set_ylabel(of_task[0].metric, fontsize=8)
    panel.set_xticks([mark for mark in MILESTONES if mark <= len(trials)])
    panel.tick_params(labelsize=7)


def _line(panel: "Axes", points: Sequence[Milestone], **style: Any) -> None:
    """Mean and band, where every run has a value: a mean over fewer runs would make a step of its own."""
    whole = [point for point in points if point.mean is not None and point.having == point.of]
    at = [point.trials for point in whole]
    mean = np.array([point.mean for point in whole], dtype=float)
    spread = np.array([point.deviation or 0.0 for point in whole])
    panel.plot(at, mean, linewidth=1.3, **style)
    panel.fill_between(at, mean - spread, mean + spread, color=style["color"], alpha=0.15, linewidth=0)


def _bests(repeats: Repeats) -> str:
    head = ["task", "metric", "tuner", *map(str, repeats.marks), "runs", "failed trials", "seconds a run"]
    rows = []
    for task in repeats.tasks:
        for tuner in repeats.tuners:
            if found := repeats.of(task, tuner):
                cells = [_best(point) for point in milestones(found, repeats.marks)]
                rows.append([task, found[0].metric, tuner, *cells, str(len(found)), *_effort(found)])
    return table(head, rows)


def _leads(repeats: Repeats) -> str:
    rows = []
    for task in repeats.tasks:
        random = repeats.of(task, RANDOM)
        for tuner in repeats.tuners:
            found = repeats.of(task, tuner)
            if random and found and tuner != RANDOM:
                rows.append([task, tuner, *map(_lead, leads(found, random, repeats.marks))])
    return table(["task", "tuner", *map(str, repeats.marks)], rows)


def _spent(repeats: Repeats) -> str:
    rows = []
    for task in repeats.tasks:
        for tuner in repeats.tuners:
            found = [repeat for repeat in repeats.of(task, tuner) if repeat.model]
            if found:
                others = sum(repeat.fallbacks for repeat in found)
                rows.append([task, tuner, *_means(found), str(others)])
    head = ["task", "tuner", "requests", "prompt", "completion", "total", "USD"]
    return table([*head, "proposals of another tuner"], rows)


def _means(repeats: Sequence[Repeat]) -> list[str]:
    """Requests, tokens in, out and in all, and dollars; "unknown" where no price was given."""
    requests = fmean(repeat.requests for repeat in repeats)
    prompt = fmean(repeat.prompt_tokens for repeat in repeats)
    completion = fmean(repeat.completion_tokens for repeat in repeats)
    costs = [repeat.cost_usd for repeat in repeats]
    cost = "unknown" if None in costs else f"{fmean(cost or 0.0 for cost in costs):.4f}"
    return [*(f"{value:.0f}" for value in (requests, prompt, completion, prompt + completion)), cost]


def _effort(repeats: Sequence[Repeat]) -> list[str]:
    """How many trials failed, and in which ways; and the seconds of a run."""
    ways = Counter(
        status
        for repeat in repeats
        for score, status in zip(repeat.scores, repeat.statuses, strict=True)
        if score is None
    )
    named = ", ".join(f"{count} {status}" for status, count in ways.most_common())
    failed = f"{ways.total()} of {sum(len(repeat.scores) for repeat in repeats)}"
    seconds = fmean(repeat.seconds for repeat in repeats)
    return [f"{failed} ({named})" if ways else failed, f"{seconds:.0f}"]


def _best(point: Milestone) -> str:
    if point.mean is None:
        return "–"
    spread = f" ± {point.deviation:.2g}" if point.deviation is not None else ""
    some = f" ({point.having} of {point.of})" if point.having < point.of else ""
    return f"{point.mean:.4g}{spread}{some}"


def _lead(lead: Lead) -> str:
    return "–" if lead.mean is None else f"{round(lead.mean, 6) + 0.0:+.2g}"
