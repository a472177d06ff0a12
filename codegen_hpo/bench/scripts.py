"""The example tasks, tuned several times by several tuners: the runs whose milestones are compared.

Each search is an ordinary run of `tune-script`. None begins with the configuration as the task ships it, for
the first trial is a milestone, too; what that configuration gives is measured apart, by a run of one trial.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from codegen_hpo.agenthpo.tuning import tune_script, with_agents
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.milestones import RANDOM, Repeat, Repeats
from codegen_hpo.bench.processes import begin
from codegen_hpo.bench.script_tasks import require_packages, require_unchanged, script_task
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.objective.settings import SearchSettings
from codegen_hpo.run import Run
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.table.example_tasks import ExampleTask, copy_tasks
from codegen_hpo.tuner.names import AGENTHPO, CREATOR, check_tuner, needs_model

AS_SHIPPED = "as shipped"


class Cell(NamedTuple):
    """One search."""

    task: ExampleTask
    tuner: str  # of codegen_hpo.tuner.names, AGENTHPO or AS_SHIPPED
    seed: int

    @property
    def path(self) -> str:
        """Of its run, below the benchmark's folder."""
        return f"runs/{self.task.name}/{self.tuner.replace(' ', '-')}-seed{self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all searches have alike."""

    trials: int = 10
    trial_s: float = 300.0
    endpoint: Endpoint | None = None
    price: tuple[float, float] | None = None  # USD per million prompt and completion tokens
    steps: int = 8  # of the Executor a trial


def run_scripts(
    tasks: Sequence[ExampleTask],
    tuners: Sequence[str],
    folder: Path,
    conditions: Conditions,
    *,
    seeds: int,
    jobs: int = 1,
    command: str = "",
) -> Iterator[Cell]:
    """Carries out the searches that are not finished, and gives each when it is, those from before first.

    Args:
        tasks: each is copied into the folder once.
        tuners: names of tuners, or AGENTHPO.
        folder: where it is kept, and resumed.
        conditions: what all searches have alike.
        seeds: searches a tuner and task.
        jobs: searches at once.
        command: what was typed, for the record.

    Raises:
        ConfigError: tuners or packages are missing, or the folder holds another benchmark.
        EndpointError: the model cannot be had; a second call goes on.
    """
    if not tuners:
        raise ConfigError(
            "no tuner takes part",
            hint="random and tpe need no language model; the others need OPENAI_API_KEY or --base-url",
        )
    for tuner in tuners:
        name = CREATOR if tuner == AGENTHPO else tuner
        check_tuner(name, with_model=conditions.endpoint is not None, called=tuner)
    require_packages(tasks)
    facts = {"trials": conditions.trials, "seconds of a trial at most": conditions.trial_s}
    BenchFolder(folder).agree("scripts", facts, command)
    copy_tasks([task for task in tasks if not (folder / "tasks" / task.name).exists()], folder / "tasks")
    for task in tasks:
        require_unchanged(task, folder / "tasks" / task.name)
    shipped = [Cell(task, AS_SHIPPED, 0) for task in tasks]
    # seeds outermost: a benchmark that is stopped has whole seeds to compare
    cells = [
        *shipped,
        *(Cell(task, tuner, seed) for seed, task, tuner in product(range(seeds), tasks, tuners)),
    ]
    missing = [cell for cell in cells if not _finished(folder / cell.path)]
    yield from (cell for cell in cells if cell not in missing)
    if not missing:
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin) as pool:
        search = partial(_search, folder=folder, conditions=conditions)
        futures = {pool.submit(search, cell): cell for cell in missing}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def read_scripts(folder: Path) -> Repeats:
    """All searches of a benchmark that are finished. Raises ConfigError if the folder holds none."""
    repeats = []
    for path in sorted((folder / "runs").glob("*/*/events.jsonl")):
        repeat = Repeat.of(Run.open(path.parent), path.parent.parent.name)
        if repeat.ended:
            shipped = path.parent.name.startswith(AS_SHIPPED.replace(" ", "-"))
            repeats.append(replace(repeat, tuner=AS_SHIPPED) if shipped else repeat)
    if not repeats:
        raise ConfigError(f"{folder} holds no finished search", hint="codegen-hpo bench scripts makes them")
    return Repeats(repeats=tuple(repeats))


def _begin() -> None:
    """What each process begins with: its scripts are run by the Python that runs this."""
    begin()
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _finished(path: Path) -> bool:
    return (path / "events.jsonl").exists() and Run.open(path).history.state == "done"


def _search(cell: Cell, folder: Path, conditions: Conditions) -> None:
    """Carries one search on to its end."""
    path = folder / cell.path
    task = script_task(cell.task, folder / "tasks" / cell.task.name, trial_s=conditions.trial_s)
    tune_script(
        replace(task, from_base=cell.tuner == AS_SHIPPED),
        _settings(cell, conditions),
        conditions.endpoint if asks_model(cell.tuner) else None,
        lambda: RunFolder.at(path),
    )


def _settings(cell: Cell, conditions: Conditions) -> SearchSettings:
    agents, shipped = cell.tuner == AGENTHPO, cell.tuner == AS_SHIPPED
    endpoint = conditions.endpoint if asks_model(cell.tuner) else None
    settings = SearchSettings(
        tuner=RANDOM if shipped else cell.tuner,
        seed=cell.seed,
        endpoint=endpoint.url if endpoint else "",
        model=endpoint.model if endpoint else "",
        temperature=endpoint.temperature if endpoint else None,
        price=conditions.price,
        budget=Budget(trials=1 if shipped else conditions.trials),
    )
    return with_agents(settings, conditions.steps) if agents else settings


def asks_model(tuner: str) -> bool:
    """Whether a tuner of this name, or AGENTHPO, asks a language model."""
    return tuner == AGENTHPO or needs_model(tuner)
