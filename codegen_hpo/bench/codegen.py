"""The protocol of arXiv 2312.04528, section 4.2: a generated function against a fixed configuration space.

Every arm is an ordinary run on one split of one table. The test rows are scored only after an arm's search
has ended, for each trial from the weights that were kept; nothing of that is fed back. The paper's own
configuration space and figures did not survive in the text that could be had; the space is that of
`network.py`.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from codegen_hpo.author.fixed import FixedAuthor
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.search import versions
from codegen_hpo.engine.parts import find_sandbox
from codegen_hpo.engine.prediction import CannotPredictError, predict_members
from codegen_hpo.engine.settings import Budget, Settings
from codegen_hpo.errors import NoModelError, reading
from codegen_hpo.fitting import fit
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.records import Member, Trial
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.space import Scalar
from codegen_hpo.store.folder import list_runs
from codegen_hpo.task import Task

RANDOM = "random configurations"
_NETWORK = Path(__file__).with_name("network.py")


class Arm(NamedTuple):
    """One way to spend the evaluations."""

    name: str
    tuner: str
    fixed: bool  # the function is `network.py`, with its five arguments
    needs_model: bool


ARMS = (
    Arm("generated function", "llm", fixed=False, needs_model=True),
    Arm("configurations by a model", "llm", fixed=True, needs_model=True),
    Arm("shipped function, tpe", "tpe", fixed=False, needs_model=False),
    Arm(RANDOM, "random", fixed=True, needs_model=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One trial of an arm."""

    arguments: dict[str, Scalar]
    proposed_by: str
    status: str
    validation: float | None  # the loss that the tuner saw
    test: float | None  # the same loss on the test rows, scored after the search
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One arm with one seed; for random configurations, the pool."""

    arm: str
    seed: int
    model: str  # the language model; empty if none was asked
    steps: tuple[Step, ...]
    versions: dict[str, str]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Course":
        """The course that `asdict` made a mapping of."""
        return cls(**data | {"steps": tuple(Step(**step) for step in data["steps"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all arms have alike."""

    budget: int = 10
    pool: int = 200
    endpoint: Endpoint | None = None
    sandbox: str = "auto"
    unsafe: bool = False
    trial_s: float = 300.0


def run_codegen(
    task: Task,
    folder: Path,
    conditions: Conditions,
    *,
    seeds: int,
    command: str = "",
) -> Iterator[Course]:
    """The courses of all arms that can run, one after the other; those in the folder are not run again.

    Args:
        seeds: searches an arm; of the random configurations there is one pool.
        command: what was typed, for the record.

    Raises:
        ConfigError: the folder holds a benchmark of another table, metric or budget.
        EndpointError, SandboxError, NoCandidateError: what ended a run; it goes on the next time.
    """
    facts: dict[str, Scalar] = {
        "table": task.sha256,
        "target": task.target,
        "metric": task.metric.name,
        "budget": conditions.budget,
        "pool": conditions.pool,
        "seconds of a trial at most": conditions.trial_s,
    }
    BenchFolder(folder).agree("codegen", facts, command)
    for arm in present(conditions.endpoint):
        for seed in range(1 if arm.name == RANDOM else seeds):
            file = folder / "courses" / f"{_slug(arm)}-seed{seed}.json"
            if file.exists():
                yield read_course(file)
            else:
                run, place = _searched(task, folder / "runs" / _slug(arm), conditions, arm, seed)
                course = _course(run, place, arm, seed, task)
                file.parent.mkdir(exist_ok=True)
                file.write_text(json.dumps(asdict(course), indent=1), encoding="utf-8")
                yield course


def present(endpoint: Endpoint | None) -> list[Arm]:
    """The arms that can run: those that ask a model only where one is configured."""
    return [arm for arm in ARMS if endpoint is not None or not arm.needs_model]


def read_course(file: Path) -> Course:
    """The course in a file of `run_codegen`. Raises ConfigError."""
    with reading(file):
        return Course.from_json(json.loads(file.read_text(encoding="utf-8")))


def _slug(arm: Arm) -> str:
    return arm.name.replace(", ", "-").replace(" ", "-")


def _searched(task: Task, root: Path, conditions: Conditions, arm: Arm, seed: int) -> tuple[Run, Sandbox]:
    """The arm's finished run, carried on if it was stopped, and where its code may run."""
    endpoint = conditions.endpoint if arm.needs_model else None
    author = _network() if arm.fixed else None
    settings = Settings(unsafe=conditions.unsafe, device="cpu")
    place = find_sandbox(conditions.sandbox, settings, trusted=arm.fixed or not arm.needs_model)
    # the first trial of a run is at the defaults: it is none of the pool's
    trials = conditions.pool + 1 if arm.name == RANDOM else conditions.budget
    environ = _environ(endpoint)
    try:
        for path in list_runs(root):
            run = Run.open(path)
            if run.history.versions and run.history.settings["seed"] == seed:
                if run.history.state != "done":
                    run.resume(author=author, sandbox=place, unsafe=conditions.unsafe, environ=environ)
                return run, place
        made = fit(
            task,
            model=endpoint.model if endpoint else None,
            base_url=endpoint.base_url if endpoint else None,
            temperature=endpoint.temperature if endpoint else None,
            cookbook=not arm.needs_model and author is None,
            author=author,
            candidates=1,
            tuner=arm.tuner,
            sandbox=place,
            unsafe=conditions.unsafe,
            budget=Budget(trials=trials),
            folds=1,
            reseed=0,  # every trial is the tuner's
            ensemble=1,
            trial_s=conditions.trial_s,
            device="cpu",
            parallel=1,  # each proposal of the protocol knows all results before it
            seed=seed,
            runs=root,
            environ=environ,
        )
    except NoModelError as error:
        if error.run is None:
            raise
        made = Run.open(error.run)  # every trial failed: that is a result
    return made, place


def _network() -> FixedAuthor:
    return FixedAuthor(_NETWORK.read_text(encoding="utf-8"), "bench:network", trusted=True)


def _environ(endpoint: Endpoint | None) -> Mapping[str, str]:
    """The environment for a run: an arm without a model must not find one."""
    names = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEGEN_HPO_MODEL")
    rest = {name: value for name, value in os.environ.items() if name not in names}
    if endpoint is None:
        return rest
    return rest | {"OPENAI_API_KEY": endpoint.secret, "OPENAI_BASE_URL": endpoint.base_url}


def _course(run: Run, place: Sandbox, arm: Arm, seed: int, task: Task) -> Course:
    history = run.history
    trials = [t for t in history.trials if arm.name != RANDOM or t.call.proposed_by != "default"]
    return Course(
        arm=arm.name,
        seed=seed,
        model=str(history.settings["model"]),
        steps=tuple(_step(run, place, trial, task) for trial in trials),
        versions=versions(),
    )


def _step(run: Run, place: Sandbox, trial: Trial, task: Task) -> Step:
    return Step(
        arguments=dict(trial.call.arguments),
        proposed_by=trial.call.proposed_by,
        status=trial.outcome.status,
        validation=trial.loss,
        test=None if trial.loss is None else _test_loss(run, place, trial, task),
        seconds=trial.outcome.seconds,
    )


def _test_loss(run: Run, place: Sandbox, trial: Trial, task: Task) -> float | None:
    """The loss on the test rows; None where the model cannot predict in a fresh process."""
    path = run.folder.path
    try:
        predictions = predict_members(run.folder, [Member(trial, 1.0)], path / "test", place)
    except CannotPredictError:
        return None
    found = score(task.metric, HeldOut.load(path / "labels").test_y, predictions)
    return None if found is None else task.metric.loss(found)
