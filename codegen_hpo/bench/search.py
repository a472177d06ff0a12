"""Carries out one cell: asks the tuner, evaluates, tells, and keeps every step."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from codegen_hpo import __version__
from codegen_hpo.bench.cell import POOL, Cell, Evaluation, Search, Spent
from codegen_hpo.bench.evaluator import Evaluator
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.problem import Problem, Suite, Value
from codegen_hpo.engine.parts import asker
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.messages import Ask, Reply, Request
from codegen_hpo.records import Call, Trial
from codegen_hpo.space import Arguments, Float, Space
from codegen_hpo.tuner import points
from codegen_hpo.tuner.base import NoProposal, Tuner
from codegen_hpo.tuner.drive import drive
from codegen_hpo.tuner.make import Model, TunerOptions, make_tuner
from codegen_hpo.tuner.names import needs_model
from codegen_hpo.tuner.subject import Subject

_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "optuna", "smac", "ConfigSpace", "cmaes")
_REPLY_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the tuners of a benchmark work with; picklable."""

    endpoint: Endpoint | None = None
    options: TunerOptions = field(default_factory=TunerOptions)
    ask: Ask | None = None  # in place of the endpoint's

    def ask_for(self, cell: Cell) -> Ask | None:
        """What reaches the model, for a tuner that asks one."""
        if not needs_model(cell.tuner):
            return None
        make_ask = asker(self.endpoint, _REPLY_S)
        return self.ask or (make_ask(lambda event: None) if make_ask else None)

    def of(self, cell: Cell) -> dict[str, Any]:
        """What is kept of it with a cell: nothing unless its tuner asks a model."""
        if cell.tuner == POOL or not needs_model(cell.tuner):
            return {"model": "", "options": {}}
        return {"model": self.endpoint.model if self.endpoint else "", "options": asdict(self.options)}

    def check(self, search: Search) -> None:
        """Raises ConfigError if the search was made with another model or another way to ask it."""
        kept, now = {"model": search.model, "options": search.options}, self.of(search.cell)
        if kept != now:
            raise ConfigError(
                f"{search.cell.tuner} on {search.cell.problem} was begun with {kept}, now it is {now}",
                hint="give what it was begun with, or another folder with --out",
            )


class _Counted:
    """A language model whose requests and tokens are counted."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.replies: list[Reply] = []

    def __call__(self, request: Request) -> Reply:
        reply = self._ask(request)
        self.replies.append(reply)
        return reply

    def spent(self, seconds: float) -> Spent:
        """What was used since the last time this was called, beside `seconds` of processor time."""
        used, self.replies = self.replies, []
        waited = sum(reply.seconds for reply in used)
        prompt, completion = (sum(reply.usage[i] for reply in used) for i in (0, 1))
        return Spent(seconds + waited, len(used), prompt, completion)


def run_cell(suite: Suite, cell: Cell, folder: BenchFolder, evaluator: Evaluator, means: Means) -> Search:
    """The cell's search, carried on from where it was left.

    Raises:
        ConfigError: no such problem or tuner, or its package or model is missing.
        EndpointError: the model cannot be had; what was evaluated is kept.
    """
    problem = suite.open(cell.problem)
    begun = folder.read(cell) or Search(
        cell=cell, optimum=problem.optimum, versions=versions(), **means.of(cell)
    )
    means.check(begun)
    if begun.finished:
        return begun
    if cell.tuner == POOL:
        return _fill_pool(begun, problem, evaluator, folder)
    subject = suite.subject(problem, cell.framing, cell.budget)
    return _search(begun, problem, subject, evaluator, folder, means)


def versions() -> dict[str, str]:
    """Those of Python, of this package and of what the tuners are made of."""
    found = {"python": platform.python_version(), "codegen-hpo": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def _load(tuner: str) -> None:
    """Lets a throwaway tuner propose: importing its libraries takes seconds that are not a proposal's."""
    space = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    throwaway = make_tuner(tuner, space, seed=0, trials=4)
    for number in range(1, 5):
        call = throwaway.ask(5 - number)
        value = Value(float(call.arguments["x"]))
        throwaway.tell(Evaluation.of(call, value, Spent()).trial(number))


class _Steps:
    """The steps of a search: each proposal is evaluated and kept."""

    def __init__(
        self,
        search: Search,
        tuner: Tuner,
        evaluate: Callable[[Arguments], Value],
        keep: Callable[[Search], None],
        counted: _Counted | None,
    ) -> None:
        self.search = search
        self._tuner, self._evaluate, self._keep, self._counted = tuner, evaluate, keep, counted
        self._spent = Spent()

    def propose(self, running: Sequence[Call]) -> Call | None:
        """The next call; None once the budget is spent or the tuner has nothing more to propose."""
        left = self.search.cell.budget - len(self.search.evaluations)
        began = time.process_time()
        try:
            call = self._tuner.ask(left, running) if left else None
        except NoProposal as reason:
            self.search, call = replace(self.search, ended=str(reason)), None
        seconds = time.process_time() - began
        self._spent = self._counted.spent(seconds) if self._counted else Spent(seconds)
        return call

    def evaluate(self, call: Call) -> Trial:
        """The call's trial, kept."""
        evaluation = Evaluation.of(call, self._evaluate(call.arguments), self._spent)
        self.search = replace(self.search, evaluations=(*self.search.evaluations, evaluation))
        self._keep(self.search)
        return evaluation.trial(len(self.search.evaluations))


def _search(
    begun: Search, problem: Problem, subject: Subject, evaluator: Evaluator, folder: BenchFolder, means: Means
) -> Search:
    cell, ask = begun.cell, means.ask_for(begun.cell)
    if not needs_model(cell.tuner):
        _load(cell.tuner)
    counted = _Counted(ask) if ask else None
    tuner = make_tuner(
        cell.tuner,
        problem.space,
        seed=cell.seed,
        trials=cell.budget,
        subject=subject,
        model=Model(counted, begun.model) if counted else None,
        options=means.options,
    )
    for number, evaluation in enumerate(begun.evaluations, 1):
        tuner.tell(evaluation.trial(number))
    steps = _Steps(begun, tuner, partial(evaluator.evaluate, problem), folder.write, counted)
    drive(steps.propose, steps.evaluate, tuner.tell)
    folder.write(steps.search)
    return steps.search


def _fill_pool(begun: Search, problem: Problem, evaluator: Evaluator, folder: BenchFolder) -> Search:
    """Independent random points, from which random search is resampled."""
    generator = np.random.default_rng(begun.cell.seed)
    drawn = [points.draw(problem.space, generator) for _ in range(begun.cell.budget)]
    calls = [Call(arguments=arguments, proposed_by="random") for arguments in drawn]
    values = [evaluator.evaluate(problem, call.arguments) for call in calls]
    evaluations = tuple(Evaluation.of(*pair, Spent()) for pair in zip(calls, values, strict=True))
    search = replace(begun, evaluations=evaluations)
    folder.write(search)
    return search
