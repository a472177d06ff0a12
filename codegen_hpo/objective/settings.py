"""What is tuned, and how: the two records with which the run of an objective begins."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.command import Command
from codegen_hpo.objective.script.record import Script
from codegen_hpo.space import Arguments, Space, canonical
from codegen_hpo.task import Metric
from codegen_hpo.tuner.make import TunerOptions
from codegen_hpo.tuner.names import AGENTHPO
from codegen_hpo.tuner.subject import objective_metric

PROPOSING = "proposing"  # the event that a model is asked for the space: until it has one, there is no Aim


class Commanded(NamedTuple):
    """What a run starts on this machine, in words."""

    text: str
    begun_in: str  # the mark of the folder in which the run was begun
    walled: bool  # whether it runs in a container

    @property
    def how(self) -> str:
        return "in a container" if self.walled else "as you and without a sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is tuned: it stays the same as long as the run lives."""

    space: Space
    metric: str = "loss"
    maximize: bool = False
    about: str = ""  # what the objective is, in the user's words, for a model
    start: tuple[Arguments, ...] = ()  # complete; tried before the tuner is asked
    command: Command | None = None  # what is run; neither it nor a script for a Python function
    script: Script | None = None
    space_by: str = ""  # who proposed the space: "llm:<model>"; empty for the user
    notes: tuple[str, ...] = ()  # of what the space does not take from the configuration as it is

    @property
    def direction(self) -> Metric:
        return objective_metric(self.metric, higher_is_better=self.maximize)

    @property
    def commanded(self) -> Commanded | None:
        """What is run for each call; None for a Python function."""
        if self.script:
            return Commanded(self.script.command, self.script.begun_in, self.script.sandbox != "none")
        return Commanded(self.command.text, self.command.begun_in, False) if self.command else None

    def to_json(self) -> dict[str, Any]:
        return {
            "space": self.space.to_json(),
            "metric": self.metric,
            "maximize": self.maximize,
            "about": self.about,
            "start": [dict(arguments) for arguments in self.start],
            "command": self.command.to_json() if self.command else None,
            "script": self.script.to_json() if self.script else None,
            "space_by": self.space_by,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Aim":
        read = {
            "space": Space.from_json(data["space"]),
            "start": tuple(data["start"]),
            "notes": tuple(data.get("notes", ())),
            "command": Command.from_json(data["command"]) if data["command"] else None,
            "script": Script.from_json(data["script"]) if data["script"] else None,
        }
        plain = {name: data[name] for name in ("metric", "maximize", "about", "space_by")}
        return cls(**plain | read)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How it is tuned: no secrets, no paths. The budget may be another one in a later session."""

    tuner: str = "tpe"
    tuning: TunerOptions = field(default_factory=TunerOptions)
    parallel: int = 1  # calls at once
    steps: int | None = None  # of the Executor a trial; None: the host carries the calls out by itself
    seed: int = 0
    endpoint: str = ""  # the base URL, without credentials
    model: str = ""
    temperature: float | None = None
    price: tuple[float, float] | None = None  # USD per million prompt and completion tokens
    reply_s: float = 300.0  # for one reply of the model, with all its attempts
    reply_tokens: int | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def called(self) -> str:
        """The tuner's name, as the user gives it."""
        return self.tuner if self.steps is None else AGENTHPO

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SearchSettings":
        read = {
            "tuning": TunerOptions(**data["tuning"]),
            "price": tuple(data["price"]) if data["price"] else None,
            "budget": Budget(**data["budget"]),
        }
        return cls(**dict(data) | read)


def started_at(space: Space, start: object) -> tuple[Arguments, ...]:
    """The complete arguments to try first, none of them twice.

    Args:
        space: what they lie in.
        start: mappings, whose missing arguments take their defaults; None is the point of the defaults if
            every argument has declared one, and no point otherwise.

    Raises:
        ConfigError: a point is not in the space.
    """
    if start is None:
        declared = all(dimension.default is not None for dimension in space.values())
        return (space.defaults(),) if declared else ()
    if isinstance(start, Mapping) or not isinstance(start, list | tuple):
        raise ConfigError(f"start is {start!r:.80}, expected a list of arguments", hint="start=[{...}]")
    points = []
    for place, point in enumerate(start, 1):
        checked = space.check(point)
        if checked.arguments is None:
            raise ConfigError(
                f"the start point {place} is not in the space: {'; '.join(checked.complaints)}",
                hint="give values inside the ranges; what is left out takes its default",
            )
        points.append(checked.arguments)
    return tuple({canonical(point): point for point in points}.values())
