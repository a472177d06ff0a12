"""What a whole `fit` takes beside the training of its trials, with one worker and with several.

Each fit is the command itself in a fresh process, from its start to its end: imports, the table, baselines,
the sandbox and the test rows are in it. A scripted server stands for the model and answers at once: with a
function of the cookbook, and with random calls of it, the same ones in every fit. Trials train behind the
sandbox that the options name. The fits of each number of workers take turns, so that a busy machine slows
them alike.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from codegen_hpo.author.cookbook import RECIPES, CookbookAuthor
from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Event
from codegen_hpo.store.folder import RunFolder, list_runs
from codegen_hpo.task import Task
from codegen_hpo.testing.brain import drawing_brain
from codegen_hpo.testing.server import ScriptedServer

# (what is told, the kind of the event that ends it); the last one ends with the process
PHASES = (
    ("imports and table", "settings"),
    ("encoding and baselines", "prepared"),
    ("sandbox, draft, gates, dry-run", "candidate"),
    ("trials", "trial"),
    ("test rows", "finished"),
    ("end of the process", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is fitted."""

    data: str  # the table's file
    target: str
    drop: tuple[str, ...]
    trials: int
    recipe: str  # the cookbook's function that the model answers with
    sandbox: str
    more: tuple[str, ...] = ()  # options of `fit`
    on_ray: bool = False  # the workers are those of a Ray cluster that is started for the fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One fit."""

    workers: int
    threads: int  # of each trial, as `fit` chose them
    sandbox: str  # the back end that was taken
    wall_s: float  # of the whole process
    training_s: float  # sum over the trials of what their own training loops took
    worker_s: float  # the same with building, predicting and sending, as the workers measured it
    trials: tuple[float, ...]  # training seconds of each
    phases: dict[str, float]  # seconds of each of PHASES

    @property
    def ratio(self) -> float:
        """The process's seconds for one second of training."""
        return self.wall_s / self.training_s


def measure(plan: Plan, workers: Sequence[int], *, repeats: int) -> Iterator[Measured]:
    """Each number of workers `repeats` times, in turn. Raises ConfigError if a fit fails."""
    if plan.recipe not in RECIPES:
        raise ConfigError(f"the cookbook has no {plan.recipe!r}", hint=f"one of {', '.join(RECIPES)}")
    task = Task.from_table(Path(plan.data), plan.target, drop=plan.drop)
    source = CookbookAuthor().source(RECIPES.index(plan.recipe) + 1, task.kind)
    for _ in range(repeats):
        for count in workers:
            with (
                tempfile.TemporaryDirectory(prefix="codegen-hpo-") as runs,
                ScriptedServer(drawing_brain(source)) as server,
            ):
                yield _measured(plan, count, Path(runs), server.base_url)


def _measured(plan: Plan, workers: int, runs: Path, base_url: str) -> Measured:
    command = [sys.executable, "-m", "codegen_hpo.cli", "fit", plan.data, "--target", plan.target]
    command += ["--drop", ",".join(plan.drop)] if plan.drop else []
    command += ["--model", "scripted", "--trials", str(plan.trials)]
    command += ["--workers" if plan.on_ray else "--parallel", str(workers)]
    command += ["--reseed", "0", "--folds", "1", "--sandbox", plan.sandbox, "--runs", str(runs), "--quiet"]
    command += plan.more
    environment = {**os.environ, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "none"}
    began = time.time()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    ended = time.time()
    if done.returncode:
        raise ConfigError(f"the fit with {workers} workers failed: {done.stderr.strip()[-500:]}")
    (path,) = list_runs(runs)
    folder = RunFolder.open(path)
    outcomes = [event.data["outcome"] for event in folder.of_kind("trial")]
    trained = [outcome["curve"][-1][-1] if outcome["curve"] else 0.0 for outcome in outcomes]
    settings = folder.of_kind("settings")[0].data
    return Measured(
        workers=workers,
        threads=settings["threads"],
        sandbox=folder.of_kind("sandbox")[0].data["sandbox"],
        wall_s=ended - began,
        training_s=sum(trained),
        worker_s=sum(outcome["seconds"] for outcome in outcomes),
        trials=tuple(trained),
        phases=_phases(folder.events, began, ended),
    )


def _phases(events: Sequence[Event], began: float, ended: float) -> dict[str, float]:
    """Seconds between the last events of the kinds that end the phases."""
    last = {event.kind: datetime.fromisoformat(event.time).timestamp() for event in events}
    moments = [began, *(last[kind] for _, kind in PHASES if kind), ended]
    return {
        name: later - earlier for (name, _), (earlier, later) in zip(PHASES, pairwise(moments), strict=True)
    }


def to_json(plan: Plan, measured: Sequence[Measured], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, as the page is made of."""
    named = asdict(plan) | {"data": Path(plan.data).name}
    return {
        "suite": "overhead",
        "plan": named,
        "facts": dict(facts),
        "fits": [asdict(one) for one in measured],
    }


def page(data: Mapping[str, Any]) -> str:
    """The page of what `to_json` gave: medians over the fits of each number of workers."""
    fits = [Measured(**fit) for fit in data["fits"]]
    plan = data["plan"]
    rows = ["| workers x threads | wall | training | wall / training | of each fit |", "|---" * 5 + "|"]
    phases = [f"| workers | {' | '.join(name for name, _ in PHASES)} |", "|---" * (len(PHASES) + 1) + "|"]
    for workers in sorted({fit.workers for fit in fits}):
        own = [fit for fit in fits if fit.workers == workers]
        ratios = ", ".join(f"{fit.ratio:.2f}" for fit in own)
        walls, trainings = (_median([getattr(fit, name) for fit in own]) for name in ("wall_s", "training_s"))
        ratio = _median([fit.ratio for fit in own])
        rows.append(
            f"| {workers} x {own[0].threads} | {walls:.1f} s | {trainings:.1f} s | {ratio:.2f} | {ratios} |"
        )
        seconds = [_median([fit.phases[name] for fit in own]) for name, _ in PHASES]
        phases.append(f"| {workers} | {' | '.join(f'{value:.2f} s' for value in seconds)} |")
    facts = [f"- {name}: {value}" for name, value in data["facts"].items()]
    return "\n".join(
        [
            "# Benchmark: what a fit takes beside its trainings",
            "",
            f"`fit` of {plan['data']} (target {plan['target']}), {plan['trials']} trials of the cookbook's "
            f"`{plan['recipe']}` with random arguments, proposed at once by a scripted model; sandbox "
            f"{fits[0].sandbox}. Medians; `training` is the sum of what the trials' own loops took.",
            "",
            *rows,
            "",
            "Where the wall time goes:",
            "",
            *phases,
            "",
            *facts,
            "",
        ]
    )


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)
