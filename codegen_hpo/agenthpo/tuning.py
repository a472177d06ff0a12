"""Tunes a training script that already exists (AgentHPO, arXiv 2402.01881). The command `tune-script` is a
thin layer over this file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from codegen_hpo.agenthpo.companion import Agents
from codegen_hpo.agenthpo.description import Description
from codegen_hpo.agenthpo.goal import Goal
from codegen_hpo.agenthpo.space_proposal import propose_space
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import Spent
from codegen_hpo.engine.parts import asker
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.objective.script.configuration import Configuration, based, open_configuration
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.script.original import Original
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.runner import HostRunner, Runner
from codegen_hpo.objective.session import ObjectiveSession, correspondence, end_recorded
from codegen_hpo.objective.settings import PROPOSING, Aim, SearchSettings, started_at
from codegen_hpo.records import Sink
from codegen_hpo.space import Space
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.tuner.make import check_trials
from codegen_hpo.tuner.names import CREATOR, needs_model


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptTask:
    """What is asked for: a script, what it is about, and what is to become of its metric."""

    script: Script
    description: Description
    goal: Goal
    space: Space | None = None  # None: the model proposes one
    from_base: bool = True  # whether the first call is the configuration as the user left it


def tune_script(
    task: ScriptTask,
    settings: SearchSettings,
    endpoint: Endpoint | None,
    folder: Callable[[], RunFolder],
    *,
    sinks: Sequence[Sink] = (),
    tell: Callable[[str], None] = lambda line: None,
    proposed: Callable[[Space], None] = lambda space: None,
) -> RunFolder:
    """The run in which the script of a task was tuned.

    Args:
        task: what is asked for.
        settings: how it is tuned.
        endpoint: the model's, for a tuner or an Executor that asks one, or where a space is wanted.
        folder: gives the run's folder once all that can be checked was checked. If it holds a run of this
            task, that one goes on.
        sinks: follow the run.
        tell: told what the user should know before it begins.
        proposed: told the space, if the model proposed it.

    Raises:
        ConfigError: the script, its configuration, the space or the goal do not fit each other.
        EndpointError: the model cannot be had.
        SandboxError: the sandbox cannot be had.
        Interrupted: Ctrl-C.
    """
    configuration = open_configuration(task.script, task.space)
    Original.of(task.script).entries()  # what cannot be copied is told before there is a folder
    runner = _runner(task.script)
    require_space(task.space, endpoint)
    check_trials(settings.tuner, settings.tuning, settings.budget.trials, given=int(task.from_base))
    run = folder()
    space, notes = based(
        task.space or _proposed(task, configuration, settings, endpoint, run, sinks), configuration
    )
    if task.space is None:
        proposed(space)
    for note in notes:
        tell(note)
    aim = Aim(
        space=space,
        metric=task.goal.metric,
        maximize=task.goal.maximize,
        about=task.description.text,
        start=started_at(space, None) if task.from_base else (),
        script=task.script,
        space_by="" if task.space is not None else f"llm:{settings.model}",
        notes=notes,
    )
    _search(aim, settings, endpoint, run, runner, sinks)
    return run


def with_agents(settings: SearchSettings, steps: int) -> SearchSettings:
    """The settings with the Creator, and an Executor that has so many replies a trial."""
    return replace(settings, tuner=CREATOR, tuning=replace(settings.tuning, reasons=True), steps=steps)


def require_space(space: object, endpoint: Endpoint | None) -> None:
    """Raises ConfigError if no space is given, and no model is there to propose one."""
    if space is None and endpoint is None:
        raise ConfigError(
            "no model is configured, so --space is needed: there is nothing to search",
            hint="write one (codegen-hpo tune --help shows the form), or set OPENAI_API_KEY or --base-url",
        )


def resume_script(
    run: RunFolder,
    aim: Aim,
    settings: SearchSettings,
    endpoint: Endpoint | None,
    sinks: Sequence[Sink] = (),
    *,
    here: bool = False,
) -> None:
    """Carries on a run that `tune_script` began; `here` says that the script may be another one by now.

    Raises as `tune_script`.
    """
    assert aim.script is not None
    _search(aim, settings, endpoint, run, _runner(aim.script), sinks, here=here)


def _search(
    aim: Aim,
    settings: SearchSettings,
    endpoint: Endpoint | None,
    run: RunFolder,
    runner: Runner,
    sinks: Sequence[Sink],
    *,
    here: bool = False,
) -> None:
    assert aim.script is not None
    objective = ScriptObjective(aim.script, aim.space, run, runner)
    if not here:
        objective.require_unchanged()
    ObjectiveSession(
        aim=aim,
        settings=settings,
        objective=objective,
        folder=run,
        make_ask=asker(endpoint if needs_model(settings.tuner) else None, settings.reply_s),
        sinks=sinks,
        companion=Agents(aim=aim, settings=settings),
    ).run()


def _proposed(
    task: ScriptTask,
    configuration: Configuration,
    settings: SearchSettings,
    endpoint: Endpoint | None,
    run: RunFolder,
    sinks: Sequence[Sink],
) -> Space:
    """The space that the model proposes, or the recorded one.

    A proposal that failed cannot be resumed, for what is tuned is recorded with its space. Where the same
    search is begun again in the folder, the model is asked anew.
    """
    recorded = run.find("objective", "")
    if recorded:
        return Aim.from_json(recorded.data).space
    make_ask = asker(endpoint, settings.reply_s)
    assert make_ask is not None
    with run.writing():
        journal = Journal(run, sinks)
        failures = len(run.of_kind("failed"))
        journal.announce(PROPOSING, {"command": task.script.command, "model": settings.model})
        with end_recorded(journal):
            letters = correspondence(make_ask, journal, settings)
            ask = letters.within("space" + (f"~{failures}" if failures else ""))
            try:
                return propose_space(ask, task.description, configuration)
            except Spent as spent:
                raise ConfigError(
                    f"the model could not propose a space: {spent}", hint="give --space, or allow it more"
                ) from spent


def _runner(script: Script) -> Runner:
    if script.sandbox == "docker":
        from codegen_hpo.objective.script.container import ContainerRunner  # brings docker

        return ContainerRunner(script.image, memory_bytes=script.memory_bytes, device=script.device)
    return HostRunner()
