"""A script of the user's own, tuned several times, and as often by random search over the same space.

The protocol of AgentHPO (arXiv 2402.01881), section 4.2. No search begins with the configuration as it is,
for the first trial is a milestone, too; what that configuration gives is measured apart, in one trial.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from codegen_hpo.agenthpo.tuning import ScriptTask, tune_script
from codegen_hpo.bench.milestones import BASE_FOLDER, RANDOM
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.objective.script.configuration import based, open_configuration
from codegen_hpo.objective.settings import SearchSettings, started_at
from codegen_hpo.run import Run
from codegen_hpo.space import Space
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.tuner.make import TunerOptions

# a resumed search may change these; searches that are compared may not differ in them
_ALIKE = ("tuner", "steps", "model", "temperature", "reply_tokens")
_ELSEWHERE = "give what it was made with, or another folder with --out"


def repeat_script(
    task: ScriptTask,
    settings: SearchSettings,
    endpoint: Endpoint | None,
    folder: Path,
    *,
    repeats: int,
    proposed: Callable[[Space], None] = lambda space: None,
) -> Iterator[Run]:
    """Carries out the searches, and one trial of the base; gives each run once it is finished.

    What an earlier call did is not done again, and goes on where more is allowed now.

    Args:
        task: what is asked for; a space that the model proposes for the first search is that of all. The
            base is measured if the task begins with it, and all its values are in the space.
        settings: of the tuner that is repeated; its seed is the first.
        endpoint: the model's, if one is asked.
        folder: where it is kept, and resumed.
        repeats: searches of the tuner, and of random search.
        proposed: told the space, if the model proposed it.

    Raises:
        ConfigError: the folder holds runs of another task, or made in another way.
        and as `tune_script`; what was finished is kept, and a second call goes on.
    """
    of_base, task = task.from_base, replace(task, from_base=False)
    for seed in range(settings.seed, settings.seed + repeats):
        for chosen in _arms(replace(settings, seed=seed)):
            path = folder / f"{chosen.called}-seed{seed}"
            if (path / "events.jsonl").is_file():
                _require_same(Run.open(path), chosen)
            tune_script(
                task,
                chosen,
                endpoint if chosen.model or task.space is None else None,
                partial(RunFolder.at, path),
                proposed=proposed,
            )
            run = Run.open(path)
            if task.space is None and run.aim:
                task = replace(task, space=run.aim.space)
            yield run
    if of_base and _has_base(task):
        path = folder / BASE_FOLDER
        single = replace(_random(settings), parallel=1, budget=Budget(trials=1))
        tune_script(replace(task, from_base=True), single, None, partial(RunFolder.at, path))
        yield Run.open(path)


def _has_base(task: ScriptTask) -> bool:
    """Whether the values as the user left them are a point of the space."""
    assert task.space is not None
    configuration = open_configuration(task.script, task.space)
    return bool(started_at(based(task.space, configuration).space, None))


def _require_same(run: Run, settings: SearchSettings) -> None:
    """Raises ConfigError if a run was made in another way. Its session tells if its task is another."""
    history = run.history
    if not history.settings:
        return
    first = SearchSettings.from_json(history.settings)
    for name in _ALIKE:
        if (was := getattr(first, name)) != (now := getattr(settings, name)):
            raise ConfigError(
                f"{run.path} was made with another {name}: {was!r}, now it is {now!r}", hint=_ELSEWHERE
            )
    if settings.budget.trials is not None and len(history.trials) > settings.budget.trials:
        raise ConfigError(
            f"{run.path} has {len(history.trials)} trials, more than the {settings.budget.trials} asked for",
            hint=_ELSEWHERE,
        )


def _arms(settings: SearchSettings) -> list[SearchSettings]:
    """The tuner, and random search with the same budget of trials."""
    return [settings] if settings.tuner == RANDOM else [settings, _random(settings)]


def _random(settings: SearchSettings) -> SearchSettings:
    return replace(
        settings, tuner=RANDOM, tuning=TunerOptions(), steps=None, endpoint="", model="", temperature=None
    )
