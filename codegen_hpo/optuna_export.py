"""A run as Optuna studies: for optuna-dashboard, importances and plots."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Event, Trial
from codegen_hpo.space import Choice, Dimension, Float, Scalar, Space
from codegen_hpo.store import codec
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import History, read_history, read_task
from codegen_hpo.task import METRICS
from codegen_hpo.tuner.points import option_index


class Written(NamedTuple):
    """One study in the storage."""

    name: str
    trials: int


class _Searched(NamedTuple):
    """One space with the trials that were made in it."""

    name: str  # of the study, behind the run's name; empty for a run that searched one space
    space: Space
    maximize: bool
    about: dict[str, Any]  # the study's user attributes
    trials: list[Event]


def export_studies(folder: RunFolder, storage: str, study_name: str = "") -> list[Written]:
    """The studies written: one for an objective, and for a table one a candidate, whose spaces differ.

    A candidate that was mended after its first trial has an earlier study for that trial. Parameters hold
    the real values of choices where Optuna tells them apart, the early-stopping curve is the intermediate
    values, and what else is known of a trial is in its user attributes.

    Args:
        folder: of the run.
        storage: the URL of an Optuna storage, "sqlite:///study.db".
        study_name: in place of the run's name.

    Raises:
        ConfigError: nothing to write, a storage that cannot be used, or a study of that name in it.
    """
    history = read_history(folder)
    searched = _of_an_objective(folder) or _of_candidates(folder)
    if not searched:
        raise ConfigError(
            f"{folder.name} has no trials to export", hint="codegen-hpo show tells how far it came"
        )
    base = study_name or folder.name
    alone = bool(study_name) and len(searched) == 1
    names = [base if alone or not part.name else f"{base}-{part.name}" for part in searched]
    with _usable(storage):
        opened = optuna.storages.get_storage(storage)
        known = {study.study_name for study in opened.get_all_studies()}
        if taken := sorted(known & set(names)):
            raise ConfigError(
                f"the storage has a study {taken[0]!r} already", hint="choose another --study-name or file"
            )
        for name, part in zip(names, searched, strict=True):
            direction = StudyDirection.MAXIMIZE if part.maximize else StudyDirection.MINIMIZE
            study = optuna.create_study(storage=opened, study_name=name, direction=direction)
            for key, value in (_described(history) | part.about).items():
                study.set_user_attr(key, value)
            study.add_trials(_trials(part, history))
    return [Written(name, len(part.trials)) for name, part in zip(names, searched, strict=True)]


@contextmanager
def _usable(storage: str) -> Iterator[None]:
    """Turns the faults of a storage into ConfigError."""
    try:
        yield
    except (SQLAlchemyError, ImportError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise ConfigError(
            f"the storage cannot be used: {reason}",
            hint="give a database URL that Optuna takes, such as sqlite:///study.db",
        ) from error


def _of_an_objective(folder: RunFolder) -> list[_Searched]:
    """The one search of a run that tuned an objective of the user's own; none if the run fitted a table."""
    trials = _in_the_order_of_their_calls(folder)
    return [
        _Searched(
            "",
            Space.from_json(event.data["space"]),
            event.data["maximize"],
            {"metric": event.data["metric"], "about": event.data["about"]},
            trials,
        )
        for event in folder.of_kind("objective")
        if trials
    ]


def _in_the_order_of_their_calls(folder: RunFolder) -> list[Event]:
    """The events of the trials, which are recorded in the order in which they ended."""
    return sorted(folder.of_kind("trial"), key=lambda event: event.data["number"])


def _of_candidates(folder: RunFolder) -> list[_Searched]:
    """Each text of a function that was trained, in order; a candidate's last one bears its name alone."""
    events = folder.of_kind("candidate")
    trials = _in_the_order_of_their_calls(folder)
    latest = {event.data["name"]: event.data["code_hash"] for event in events}
    found: dict[str, _Searched] = {}
    for event in events:
        data = event.data
        ran = [trial for trial in trials if trial.data["code_hash"] == data["code_hash"]]
        name = data["name"]
        if latest[name] != data["code_hash"]:
            name += f"-attempt-{event.key.rpartition('/')[2]}"
        if ran:
            task = read_task(folder)
            metric = METRICS[task["metric"]]
            about = {key: data[key] for key in ("title", "author", "code_hash")}
            about |= {"candidate": data["name"], "table": task["name"], "target": task["target"]}
            about |= {"metric": metric.name, "intermediate_values": "the early-stopping loss by epoch"}
            space = Space.from_json(data["space"])
            found[data["code_hash"]] = _Searched(name, space, metric.higher_is_better, about, ran)
    return list(found.values())


def _described(history: History) -> dict[str, Any]:
    """The user attributes of each study of a run."""
    settings = {name: history.settings.get(name) for name in ("tuner", "seed", "model")}
    return {"run": history.name, **settings, "versions": dict(history.versions)}


def _trials(part: _Searched, history: History) -> list[FrozenTrial]:
    distributions = {name: distribution(dimension) for name, dimension in part.space.items()}
    return [
        _trial(number, event, part.space, distributions, history) for number, event in enumerate(part.trials)
    ]


def _trial(
    number: int,
    event: Event,
    space: Space,
    distributions: dict[str, BaseDistribution],
    history: History,
) -> FrozenTrial:
    trial = codec.trial_from_json(event.data)
    # Optuna keeps the local time of day
    ended = datetime.fromisoformat(event.time).astimezone().replace(tzinfo=None)
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=TrialState.FAIL if trial.loss is None else TrialState.COMPLETE,
        value=None if trial.loss is None else trial.score,
        values=None,
        datetime_start=ended - timedelta(seconds=event.data.get("wall_s", trial.outcome.seconds)),
        datetime_complete=ended,
        params={name: parameter(space[name], value) for name, value in trial.call.arguments.items()},
        distributions=distributions,
        user_attrs=_attributes(trial, history),
        system_attrs={},
        intermediate_values={epoch.number: epoch.inner_loss for epoch in trial.outcome.curve},
    )


def _attributes(trial: Trial, history: History) -> dict[str, Any]:
    call, outcome = trial.call, trial.outcome
    known = {
        "trial": trial.name,
        "proposed_by": call.proposed_by,
        "fallback": call.fallback,
        "reasoning": call.reasoning,
        "status": outcome.status,
        "stage": outcome.stage,
        "error": outcome.error,
        "seconds": outcome.seconds,
        "parameters": outcome.parameters,
        "best_epoch": outcome.best_epoch,
        "stopped": outcome.stopped,
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "seed": trial.seed,
        "disqualified": history.disqualified.get(trial.name, ""),
    }
    final = history.final
    if final and final.trial == trial.name:
        known["test_score"] = final.single_test_score
    return {name: value for name, value in known.items() if value not in ("", None)}


def distribution(dimension: Dimension) -> BaseDistribution:
    """The dimension with its real values."""
    if isinstance(dimension, Choice):
        return CategoricalDistribution(_choices(dimension))
    if isinstance(dimension, Float):
        return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
    return IntDistribution(dimension.low, dimension.high, log=dimension.log)


def parameter(dimension: Dimension, value: Scalar) -> Scalar:
    """The value as a parameter of `distribution`."""
    if not isinstance(dimension, Choice):
        return value
    return _choices(dimension)[option_index(dimension, value)]


def _choices(dimension: Choice) -> tuple[Scalar, ...]:
    """The options themselves, or their texts where Optuna, which compares with ==, takes two for one."""
    options = dimension.options
    return options if len(set(options)) == len(options) else tuple(repr(option) for option in options)
