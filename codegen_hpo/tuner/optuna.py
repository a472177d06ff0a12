"""Random search and TPE, drawn by Optuna."""

import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from codegen_hpo.records import Trial
from codegen_hpo.space import Arguments, Choice, Dimension, Float, Int, Scalar, Space
from codegen_hpo.tuner.points import option_index

_FAILURES_PER_SUCCESS = 9

# one line a trial on stderr, from a library that the caller did not choose
logging.getLogger("optuna").setLevel(logging.WARNING)


class OptunaSampler:
    """Draws points by random search or by TPE.

    TPE: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011, section 4.
    Each proposal comes from a new study made of the trials told so far.
    """

    def __init__(self, space: Space, kind: Literal["random", "tpe"]) -> None:
        self._space, self._kind = space, kind
        self._distributions = {name: distribution(dimension) for name, dimension in space.items()}

    def __call__(
        self, told: Sequence[Trial], running: Sequence[Arguments], seed: int
    ) -> Iterator[dict[str, Scalar]]:
        study = self._study(told, running, seed)
        while True:
            trial = study.ask(self._distributions)
            yield {name: value(self._space[name], trial.params[name]) for name in self._space}
            study.tell(trial, state=TrialState.FAIL)  # samplers pass over trials of this state

    def _study(self, told: Sequence[Trial], running: Sequence[Arguments], seed: int) -> optuna.Study:
        """A study with the trials told so far, in their order. Failed ones rank last, whatever the metric."""
        finished = sum(_is_number(trial.loss) for trial in told)
        # TPE puts pruned trials without an intermediate value behind all complete ones. Its good group is the
        # first tenth: with more failures than this a failure would be in it.
        surplus = len(told) - finished - _FAILURES_PER_SUCCESS * finished
        sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(seed=seed)
        if self._kind == "random" or not finished:
            sampler = optuna.samplers.RandomSampler(seed=seed)
        study = optuna.create_study(sampler=sampler, direction="minimize")
        for trial in told:
            if _is_number(trial.loss):
                study.add_trial(self._frozen(trial.call.arguments, TrialState.COMPLETE, trial.loss))
            elif surplus > 0:
                surplus -= 1
            else:
                study.add_trial(self._frozen(trial.call.arguments, TrialState.PRUNED))
        for arguments in running:
            study.add_trial(self._frozen(arguments, TrialState.RUNNING))
        return study

    def _frozen(self, arguments: Arguments, state: TrialState, loss: float | None = None) -> FrozenTrial:
        params = {name: parameter(self._space[name], value) for name, value in arguments.items()}
        return optuna.trial.create_trial(
            state=state, value=loss, params=params, distributions=self._distributions
        )


def distribution(dimension: Dimension) -> BaseDistribution:
    """The dimension as Optuna knows it; a choice by the positions of its options."""
    match dimension:
        case Float(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case Int():
            return IntDistribution(dimension.low, dimension.high, log=dimension.log)
        case Choice(options=options):
            # by position: Optuna compares categories with ==, to which 1, 1.0 and True are one
            return CategoricalDistribution(range(len(options)))


def parameter(dimension: Dimension, value: Scalar) -> Any:
    """The value as a parameter of `distribution`."""
    return option_index(dimension, value) if isinstance(dimension, Choice) else value


def value(dimension: Dimension, parameter: Any) -> Scalar:
    """The value that a parameter of `distribution` stands for."""
    found: Scalar = dimension.options[parameter] if isinstance(dimension, Choice) else parameter
    return found


def _is_number(loss: float | None) -> bool:
    return loss is not None and math.isfinite(loss)
