"""Tunes any objective from Python. The command line's `tune` is a thin layer over this file."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from codegen_hpo.engine.budget_check import above_zero, at_least_one, checked_budget, is_whole
from codegen_hpo.engine.parts import asker
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.objective.command import CommandObjective
from codegen_hpo.objective.command_line import CommandLine
from codegen_hpo.objective.function import Function, FunctionObjective
from codegen_hpo.objective.session import ObjectiveSession
from codegen_hpo.objective.settings import Aim, SearchSettings, started_at
from codegen_hpo.records import Sink, Trial, ranked
from codegen_hpo.space import Arguments, Dimension, Scalar, Space
from codegen_hpo.space_check import checked_space
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.tuner.make import TunerOptions, check_trials
from codegen_hpo.tuner.names import check_tuner, needs_model

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """What a search found; the same for the highest value, if that was asked for."""

    trials: tuple[Trial, ...]  # in the order in which they were proposed
    metric: str
    ended: str  # why the search ended
    run: Path | None  # the folder, if it was recorded

    @property
    def best(self) -> dict[str, Scalar] | None:
        """The arguments of the best value; None if every trial failed."""
        trial = next(iter(ranked(self.trials)), None)
        return dict(trial.call.arguments) if trial else None

    @property
    def value(self) -> float | None:
        """The best value; None if every trial failed."""
        trial = next(iter(ranked(self.trials)), None)
        return trial.score if trial else None

    def leaderboard(self) -> "pd.DataFrame":
        """A row a trial, the best first and the failed last, with an `arg:` column for each argument.

        `fallback` says why another tuner took a turn of the model's.
        """
        import pandas as pd

        failed = [trial for trial in self.trials if trial.loss is None]
        rows = [
            {
                "name": trial.name,
                "proposed_by": trial.call.proposed_by,
                "status": trial.outcome.status,
                self.metric: trial.score,
                "seconds": trial.outcome.seconds,
                "fallback": trial.call.fallback,
                **{f"arg:{name}": value for name, value in trial.call.arguments.items()},
            }
            for trial in [*ranked(self.trials), *failed]
        ]
        return pd.DataFrame(rows)


def minimize(
    objective: Function,
    space: Space | Mapping[str, Dimension],
    *,
    tuner: str = "tpe",
    trials: int | None = 30,
    seconds: float | None = None,
    patience: int | None = None,
    parallel: int = 1,
    seed: int = 0,
    maximize: bool = False,
    metric: str = "loss",
    about: str = "",
    start: Sequence[Arguments] | None = None,
    catch: tuple[type[Exception], ...] = (),
    run: Path | str | None = None,
    on_trial: Callable[[Trial], None] = lambda trial: None,
    tuning: TunerOptions | None = None,
    model: str | None = None,
    base_url: str | None = None,
    temperature: float | None = None,
    tokens: int | None = None,
    usd: float | None = None,
    price: tuple[float, float] | None = None,
    reply_s: float = 300.0,
    reply_tokens: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Minimum:
    """The arguments at which `objective` is lowest, as far as they were found.

    The objective is given a dictionary of arguments and returns a number. NaN, infinity, `Infeasible("why")`
    and MemoryError are failed trials, which every tuner is told; so are the errors listed in `catch`. Any
    other error ends the search.

    Args:
        space: names with what each may be: `Float`, `Int` or `Choice`.
        tuner: one of codegen_hpo.tuner.names.TUNERS; those with a model need an endpoint.
        trials: how many calls in all; None without a limit, and then another one must be given.
        seconds: no call begins after so many.
        patience: calls in a row without a better value after which it ends.
        parallel: calls at once, on threads. What is proposed does not depend on how long they take.
        seed: not negative.
        maximize: look for the highest value.
        metric: the value's name.
        about: what the objective is, in your words; a model reads it.
        start: arguments to try first. None: the defaults, if every argument of the space declares one.
        catch: errors of the objective that fail a trial.
        run: a folder that keeps everything. If it holds a run of this search, the search goes on there: what
            was measured or paid for is not repeated, and calls that were under way are made again.
        on_trial: called with each trial in its order, those of an earlier session included.
        tuning: how the tuner works.
        model, base_url, temperature: the endpoint, as for `fit`. Only a tuner with a model asks it.
        tokens, usd, price: what may be spent on the model, and USD per million tokens, in and out.
        reply_s, reply_tokens: for one reply of the model.

    Raises:
        ConfigError: the space, a start point, a choice, or what the objective returned cannot be used.
        EndpointError: the model cannot be had.
        Interrupted: Ctrl-C in a recorded search.
    """
    sound = checked_space(space)
    budget = checked_budget(
        Budget(trials=trials, seconds=seconds, patience=patience, tokens=tokens, usd=usd), price
    )
    endpoint = endpoint_for(
        tuner,
        base_url=base_url,
        model=model,
        temperature=temperature,
        reply_tokens=reply_tokens,
        environ=os.environ if environ is None else environ,
    )
    settings = SearchSettings(
        tuner=tuner,
        tuning=tuning or TunerOptions(),
        parallel=at_least_one("parallel", parallel),
        seed=_in_range(seed),
        endpoint=endpoint.url if endpoint else "",
        model=endpoint.model if endpoint else "",
        temperature=temperature,
        price=price,
        reply_s=above_zero("reply_s", reply_s),
        reply_tokens=reply_tokens,
        budget=budget,
    )
    start_at = started_at(sound, start)
    check_trials(tuner, settings.tuning, trials, given=len(start_at))
    folder = RunFolder.at(Path(run)) if run is not None else None
    result = ObjectiveSession(
        aim=Aim(space=sound, metric=metric, maximize=maximize, about=about, start=start_at),
        settings=settings,
        objective=FunctionObjective(objective, catch),
        folder=folder,
        make_ask=asker(endpoint, reply_s),
        on_trial=on_trial,
    ).run()
    return Minimum(
        trials=tuple(result.trials),
        metric=metric,
        ended=result.ending.reason,
        run=folder.path if folder else None,
    )


def tune_command(
    aim: Aim,
    settings: SearchSettings,
    endpoint: Endpoint | None,
    *,
    runs: Path,
    label: str,
    sinks: Sequence[Sink] = (),
) -> RunFolder:
    """The run in which the command of `aim` was tuned: a new folder below `runs`, named by the label.

    Raises:
        ConfigError: the command does not fit its space, or cannot be started.
        EndpointError: the model cannot be had.
        Interrupted: Ctrl-C.
    """
    assert aim.command is not None
    CommandLine.parse(aim.command.text, aim.space)  # what does not fit is told before there is a folder
    check_trials(settings.tuner, settings.tuning, settings.budget.trials, given=len(aim.start))
    folder = RunFolder.create(runs, label, datetime.now())
    ObjectiveSession(
        aim=aim,
        settings=settings,
        objective=CommandObjective(aim.command, aim.space, folder),
        folder=folder,
        make_ask=asker(endpoint, settings.reply_s),
        sinks=sinks,
    ).run()
    return folder


def endpoint_for(
    tuner: str,
    *,
    base_url: str | None,
    model: str | None,
    temperature: float | None,
    reply_tokens: int | None,
    environ: Mapping[str, str],
) -> Endpoint | None:
    """The endpoint of a tuner that asks a model; None for the others.

    Raises:
        ConfigError: an unknown tuner, or what it needs is missing, or a model that it has no use for.
    """
    check_tuner(tuner, with_model=True)
    if not needs_model(tuner):
        if base_url or model:
            raise ConfigError(
                f"a model is named, and the tuner {tuner} asks none", hint="--tuner llm asks the model"
            )
        return None
    endpoint = Endpoint.resolve(
        base_url=base_url, model=model, temperature=temperature, max_tokens=reply_tokens, environ=environ
    )
    check_tuner(tuner, with_model=endpoint is not None)
    return endpoint


def _in_range(seed: int) -> int:
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise ConfigError(f"seed is {seed}, expected 0 to {2**32 - 1}", hint="any number in it will do")
    return seed
