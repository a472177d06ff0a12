"""Random search and TPE, by Optuna's ask and tell."""

import itertools
import logging
import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from codegen_hpo.records import Call, Trial
from codegen_hpo.space import Arguments, Choice, Dimension, Float, Int, Scalar, Space, canonical
from codegen_hpo.tuner.base import NoProposal

MAX_REPEATS = 10  # duplicates that the sampler may propose before an untried point is looked for
MAX_LISTED = 5_000  # points of a finite space that are listed to find an untried one
_FAILURES_PER_SUCCESS = 9

# one line a trial on stderr, from a library that the caller did not choose
logging.getLogger("optuna").setLevel(logging.WARNING)


class OptunaTuner:
    """Proposes calls by random search or by TPE.

    TPE: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011, section 4.
    Each proposal comes from a new study made of the trials told so far and a seed made of `seed` and their
    number: it depends on nothing else, so that a resumed run proposes what the uninterrupted one would have.
    """

    def __init__(self, space: Space, kind: Literal["random", "tpe"], seed: int) -> None:
        self.name: str = kind
        self._space = space
        self._seed = seed
        self._distributions = {name: _distribution(dimension) for name, dimension in space.items()}
        self._told: list[tuple[Arguments, float | None]] = []
        self._pending: dict[str, Arguments] = {}

    def ask(self, trials_left: int | None) -> Call:
        """A call not proposed or told before. Raises NoProposal when every point of the space was tried."""
        tried = {canonical(arguments) for arguments, _ in self._told} | set(self._pending)
        if len(tried) >= _points(self._space):
            raise NoProposal(f"all {len(tried)} combinations of the arguments have been tried")
        arguments = next(
            (found for found in self._proposals() if canonical(found) not in tried), None
        ) or self._untried(tried)
        self._pending[canonical(arguments)] = arguments
        return Call(arguments=arguments, proposed_by=self.name)

    def tell(self, trial: Trial) -> None:
        """Learns from a trial. One whose arguments are not of this space teaches nothing and is left out."""
        arguments = self._space.check(trial.call.arguments).arguments
        if arguments is not None:
            self._pending.pop(canonical(arguments), None)
            self._told.append((arguments, trial.loss))

    def _proposals(self) -> Iterator[dict[str, Scalar]]:
        study = self._study()
        for _ in range(MAX_REPEATS):
            trial = study.ask(self._distributions)
            yield {name: _value(self._space[name], trial.params[name]) for name in self._space}
            study.tell(trial, state=TrialState.FAIL)  # samplers pass over trials of this state

    def _study(self) -> optuna.Study:
        """A study with the trials told so far, in their order. Failed ones rank last, whatever the metric."""
        seed = int(self._generator().integers(2**32))
        finished = sum(_is_number(loss) for _, loss in self._told)
        # TPE puts pruned trials without an intermediate value behind all complete ones. Its good group is the
        # first tenth: with more failures than this a failure would be in it.
        surplus = len(self._told) - finished - _FAILURES_PER_SUCCESS * finished
        sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(seed=seed)
        if self.name == "random" or not finished:
            sampler = optuna.samplers.RandomSampler(seed=seed)
        study = optuna.create_study(sampler=sampler, direction="minimize")
        for arguments, loss in self._told:
            if _is_number(loss):
                study.add_trial(self._frozen(arguments, TrialState.COMPLETE, loss))
            elif surplus > 0:
                surplus -= 1
            else:
                study.add_trial(self._frozen(arguments, TrialState.PRUNED))
        for arguments in self._pending.values():
            study.add_trial(self._frozen(arguments, TrialState.RUNNING))
        return study

    def _frozen(self, arguments: Arguments, state: TrialState, loss: float | None = None) -> FrozenTrial:
        params = {name: _parameter(self._space[name], value) for name, value in arguments.items()}
        return optuna.trial.create_trial(
            state=state, value=loss, params=params, distributions=self._distributions
        )

    def _untried(self, tried: set[str]) -> dict[str, Scalar]:
        """An untried point when the sampler keeps repeating itself."""
        generator = self._generator()
        if _points(self._space) <= MAX_LISTED:
            values = itertools.product(*(_values(dimension) for dimension in self._space.values()))
            listed = [dict(zip(self._space, point, strict=True)) for point in values]
            untried = [point for point in listed if canonical(point) not in tried]
            return untried[int(generator.integers(len(untried)))]
        # more points than any run tries: a random one is new but for rare accidents
        while True:
            point = {name: _draw(dimension, generator) for name, dimension in self._space.items()}
            if canonical(point) not in tried:
                return point

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng([abs(self._seed), len(self._told), len(self._pending)])


def _is_number(loss: float | None) -> bool:
    return loss is not None and math.isfinite(loss)


def _distribution(dimension: Dimension) -> BaseDistribution:
    match dimension:
        case Float(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case Int():
            return IntDistribution(dimension.low, dimension.high, log=dimension.log)
        case Choice(options=options):
            # by position: Optuna compares categories with ==, to which 1, 1.0 and True are one
            return CategoricalDistribution(range(len(options)))


def _parameter(dimension: Dimension, value: Scalar) -> Any:
    if not isinstance(dimension, Choice):
        return value
    same_type = [type(option) is type(value) and option == value for option in dimension.options]
    return same_type.index(True) if True in same_type else dimension.options.index(value)


def _value(dimension: Dimension, parameter: Any) -> Scalar:
    value: Scalar = dimension.options[parameter] if isinstance(dimension, Choice) else parameter
    return value


def _points(space: Space) -> float:
    """How many points the space has; infinite with a real number in it."""
    return math.prod(math.inf if isinstance(d, Float) else len(_values(d)) for d in space.values())


def _values(dimension: Dimension) -> range | tuple[Scalar, ...]:
    match dimension:
        case Int(low=low, high=high):
            return range(low, high + 1)
        case Choice(options=options):
            return options
    raise TypeError(f"a real number has no list of values: {dimension}")


def _draw(dimension: Dimension, generator: np.random.Generator) -> Scalar:
    if isinstance(dimension, Choice):
        return dimension.options[int(generator.integers(len(dimension.options)))]
    low, high = float(dimension.low), float(dimension.high)
    if dimension.log:
        drawn = math.exp(generator.uniform(math.log(low), math.log(high)))
    else:
        drawn = float(generator.uniform(low, high))
    drawn = min(max(drawn, low), high)
    return round(drawn) if isinstance(dimension, Int) else drawn
