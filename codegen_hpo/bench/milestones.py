"""Best values at the trial milestones of repeated runs, against random search over the same space.

The protocol of AgentHPO (arXiv 2402.01881), section 4.2: of each run the best value among its first 1, 3, 5
and 10 trials, as mean and standard deviation over runs that differ in their seed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, stdev
from typing import Any, NamedTuple

from codegen_hpo.agenthpo.standing import MILESTONES
from codegen_hpo.bench.statistics import best_so_far
from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.settings import SearchSettings
from codegen_hpo.run import Run
from codegen_hpo.space import Scalar

RANDOM = "random"
AS_IT_IS = "as it is"  # the configuration as the user left it: one trial, to compare with
BASE_FOLDER = "as-it-is"  # of that run


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One run, as far as its milestones go."""

    task: str
    tuner: str
    seed: int
    metric: str
    maximize: bool
    scores: tuple[float | None, ...]  # in the order of the proposals; None: the trial failed
    statuses: tuple[str, ...]
    best: dict[str, Scalar] | None  # the arguments of the best trial
    seconds: float  # of all trials
    ended: str  # why the search ended; empty if it did not yet
    model: str  # empty if none was asked
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None  # None: the price is not known
    fallbacks: int  # proposals that another tuner made in the place of this one

    @classmethod
    def of(cls, run: Run, task: str) -> "Repeat":
        """The repeat that a run of `tune-script` or `tune` is. Raises ConfigError if it is no such run."""
        history, aim = run.history, run.aim
        if aim is None:
            raise ConfigError(f"{run.path} is not the run of a script", hint="give a run of tune-script")
        settings = SearchSettings.from_json(history.settings)
        ledger = run.ledger
        best = history.best()
        return cls(
            task=task,
            tuner=settings.called,
            seed=settings.seed,
            metric=aim.metric,
            maximize=aim.maximize,
            scores=tuple(trial.score for trial in history.trials),
            statuses=tuple(trial.outcome.status for trial in history.trials),
            best=dict(best.call.arguments) if best else None,
            seconds=round(sum(trial.outcome.seconds for trial in history.trials), 1),
            ended=history.ended,
            model=settings.model,
            requests=ledger.total.requests,
            prompt_tokens=ledger.total.prompt_tokens,
            completion_tokens=ledger.total.completion_tokens,
            cost_usd=ledger.cost_usd if settings.model else 0.0,
            fallbacks=sum(bool(trial.call.fallback) for trial in history.trials),
        )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Repeat":
        """The repeat that `asdict` made a mapping of."""
        return cls(**data | {"scores": tuple(data["scores"]), "statuses": tuple(data["statuses"])})

    @property
    def arm(self) -> str:
        """The tuner as a table names it: with the model that it asked."""
        return f"{self.tuner} ({self.model})" if self.model else self.tuner

    @property
    def course(self) -> list[float | None]:
        """The best value up to each trial; None until one has a value."""
        sign = -1.0 if self.maximize else 1.0
        losses = [None if score is None else sign * score for score in self.scores]
        return [None if loss is None else sign * loss for loss in best_so_far(losses)]

    def after(self, trials: int) -> float | None:
        """The best value of the first trials; of a search that ended before, its last one.

        None if there is none yet, or the search was stopped before and may go on.
        """
        course = self.course
        if not course or (len(course) < trials and not self.ended):
            return None
        return course[min(trials, len(course)) - 1]


class Milestone(NamedTuple):
    """The best values of some runs after a number of trials."""

    trials: int
    mean: float | None  # over the runs that have a value; None if none has
    deviation: float | None  # of a sample; None for less than two values
    having: int  # runs that have a value
    of: int  # all runs

    @property
    def whole(self) -> float | None:
        """The mean, if every run has a value."""
        return self.mean if self.having == self.of else None


def milestones(repeats: Sequence[Repeat], marks: Iterable[int] = MILESTONES) -> list[Milestone]:
    """What the runs of one tuner on one task came to at each mark.

    Raises:
        ConfigError: the runs are not about the same metric.
    """
    if len({(repeat.metric, repeat.maximize) for repeat in repeats}) > 1:
        raise ConfigError(
            "the runs are about different metrics: " + ", ".join(sorted({r.metric for r in repeats})),
            hint="give runs of one task",
        )
    return [_milestone(repeats, mark) for mark in marks]


def _milestone(repeats: Sequence[Repeat], mark: int) -> Milestone:
    values = [value for repeat in repeats if (value := repeat.after(mark)) is not None]
    return Milestone(
        trials=mark,
        mean=fmean(values) if values else None,
        deviation=stdev(values) if len(values) > 1 else None,
        having=len(values),
        of=len(repeats),
    )


class Lead(NamedTuple):
    """How far a tuner is ahead of random search, in the metric's own unit; below zero it is behind."""

    trials: int
    mean: float | None  # None where a run of one of the two has no value


def leads(
    repeats: Sequence[Repeat], random: Sequence[Repeat], marks: Iterable[int] = MILESTONES
) -> list[Lead]:
    """The difference of the means at each mark, above zero where the tuner is better.

    There is none where a run has no value: a mean of the others alone would count its failures for nothing.
    """
    marks = list(marks)
    found = []
    for one, other in zip(milestones(repeats, marks), milestones(random, marks), strict=True):
        sign = 1 if repeats[0].maximize else -1
        if one.whole is None or other.whole is None:
            found.append(Lead(one.trials, None))
        else:
            found.append(Lead(one.trials, sign * (one.whole - other.whole)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """All runs that are compared, by task and tuner."""

    repeats: tuple[Repeat, ...]

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(repeat.task for repeat in self.repeats))

    @property
    def tuners(self) -> list[str]:
        """Random search first, for the others are held against it."""
        return sorted(dict.fromkeys(repeat.arm for repeat in self.repeats), key=lambda name: name != RANDOM)

    @property
    def marks(self) -> list[int]:
        """Those of MILESTONES that a run reached, and the end of the longest."""
        longest = max((len(repeat.scores) for repeat in self.repeats), default=0)
        return sorted({mark for mark in MILESTONES if mark <= longest} | ({longest} - {0}))

    def of(self, task: str, tuner: str) -> list[Repeat]:
        """The runs of a tuner on a task, in the order of their seeds."""
        found = [repeat for repeat in self.repeats if (repeat.task, repeat.arm) == (task, tuner)]
        return sorted(found, key=lambda repeat: repeat.seed)

    def to_json(self) -> dict[str, Any]:
        """Every run, and what is reckoned from them."""
        return {
            "marks": self.marks,
            "repeats": [asdict(repeat) for repeat in self.repeats],
            "milestones": [
                {"task": task, "tuner": tuner, **milestone._asdict()}
                for task in self.tasks
                for tuner in self.tuners
                if (found := self.of(task, tuner))
                for milestone in milestones(found, self.marks)
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Repeats":
        """What `to_json` made a mapping of."""
        return cls(repeats=tuple(map(Repeat.from_json, data["repeats"])))


def read_repeats(runs: Iterable[Run], task: str) -> Repeats:
    """The repeats of one task, and its base. Raises ConfigError if a run is none of a script."""
    return Repeats(repeats=tuple(_repeat(run, task) for run in runs))


def _repeat(run: Run, task: str) -> Repeat:
    repeat = Repeat.of(run, task)
    return replace(repeat, tuner=AS_IT_IS) if run.path.name == BASE_FOLDER else repeat
