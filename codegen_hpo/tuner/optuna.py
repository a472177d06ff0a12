"""Random search, TPE and a Gaussian process, drawn by Optuna."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from codegen_hpo.records import Trial
from codegen_hpo.space import Arguments, Choice, Dimension, Float, Int, Scalar, Space
from codegen_hpo.tuner import points
from codegen_hpo.tuner.classical import MAX_STARTUP, finite_loss

_FAILURES_PER_SUCCESS = 9

# lines on trials and on missing packages on stderr, from a library that the caller did not choose
logging.getLogger("optuna").setLevel(logging.ERROR)


class OptunaSampler:
    """Draws points by random search, by TPE, or by expected improvement under a Gaussian process.

    TPE: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011, section 4. The Gaussian
    process weighs the expected improvement by the probability that a point does not fail: Gardner et al.,
    "Bayesian Optimization with Inequality Constraints", ICML 2014, section 3.
    Each proposal comes from a new study made of the trials told so far.

    Args:
        space: what is tuned.
        kind: how.
        startup: how many trials there must be before a model of them is asked; random ones until then.
    """

    def __init__(
        self, space: Space, kind: Literal["random", "tpe", "gp"], startup: int = MAX_STARTUP
    ) -> None:
        self._space, self._kind, self._startup = space, kind, startup
        self._distributions = {name: distribution(dimension) for name, dimension in space.items()}

    def __call__(
        self, told: Sequence[Trial], running: Sequence[Arguments], seed: int
    ) -> Iterator[dict[str, Scalar]]:
        learnable = any(finite_loss(trial) is not None for trial in told)
        sampler = self._sampler(seed) if learnable else optuna.samplers.RandomSampler(seed=seed)
        study = optuna.create_study(sampler=sampler, direction="minimize")
        if learnable:
            study.add_trials(
                self._constrained_trials(told) if self._kind == "gp" else self._ranked_trials(told)
            )
        study.add_trials([self._frozen(arguments, TrialState.RUNNING) for arguments in running])
        while True:
            trial = study.ask(self._distributions)
            yield {name: value(self._space[name], trial.params[name]) for name in self._space}
            study.tell(trial, state=TrialState.FAIL)  # samplers pass over trials of this state

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        match self._kind:
            case "random":
                return optuna.samplers.RandomSampler(seed=seed)
            case "tpe":
                return optuna.samplers.TPESampler(seed=seed, n_startup_trials=self._startup)
            case "gp":
                # the parameters that it warns of have one value
                return optuna.samplers.GPSampler(
                    seed=seed, n_startup_trials=self._startup, warn_independent_sampling=False
                )

    def _ranked_trials(self, told: Sequence[Trial]) -> list[FrozenTrial]:
        """The trials in their order; failed ones rank last, whatever the metric."""
        finished = sum(finite_loss(trial) is not None for trial in told)
        # TPE puts pruned trials without an intermediate value behind all complete ones. Its good group is the
        # first tenth: with more failures than this a failure would be in it.
        surplus = len(told) - finished - _FAILURES_PER_SUCCESS * finished
        trials = []
        for trial in told:
            if (loss := finite_loss(trial)) is not None:
                trials.append(self._frozen(trial.call.arguments, TrialState.COMPLETE, loss))
            elif surplus > 0:
                surplus -= 1
            else:
                trials.append(self._frozen(trial.call.arguments, TrialState.PRUNED))
        return trials

    def _constrained_trials(self, told: Sequence[Trial]) -> list[FrozenTrial]:
        """The trials in their order; whether one failed is a constraint, which is learnt beside the loss.

        Optuna 5 has no constraint without a loss, so that a failed trial has the worst one seen.
        """
        losses = [finite_loss(trial) for trial in told]
        worst = max(loss for loss in losses if loss is not None)
        trials = []
        for trial, loss in zip(told, losses, strict=True):
            # violated above 0; either all trials have the constraint or none
            constraints = {"failed": float(loss is None)} if None in losses else {}
            value = worst if loss is None else loss
            trials.append(self._frozen(trial.call.arguments, TrialState.COMPLETE, value, constraints))
        return trials

    def _frozen(
        self,
        arguments: Arguments,
        state: TrialState,
        loss: float | None = None,
        constraints: dict[str, float] | None = None,
    ) -> FrozenTrial:
        return optuna.trial.create_trial(
            state=state,
            value=loss,
            params={name: parameter(self._space[name], value) for name, value in arguments.items()},
            distributions=self._distributions,
            constraints=constraints,
        )


def distribution(dimension: Dimension) -> BaseDistribution:
    """The dimension as Optuna knows it: a choice by its positions, a wide whole number as a share."""
    match dimension:
        case Float(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case Int() if points.is_real(dimension):
            return FloatDistribution(0.0, 1.0)
        case Int():
            return IntDistribution(dimension.low, dimension.high, log=dimension.log)
        case Choice(options=options):
            # by position: Optuna compares categories with ==, to which 1, 1.0 and True are one
            return CategoricalDistribution(range(len(options)))


def parameter(dimension: Dimension, value: Scalar) -> Any:
    """The value as a parameter of `distribution`."""
    match dimension:
        case Choice():
            return points.option_index(dimension, value)
        case Int() if points.is_real(dimension):
            return points.share(dimension, float(value))
    return value


def value(dimension: Dimension, parameter: Any) -> Scalar:
    """The value that a parameter of `distribution` stands for."""
    match dimension:
        case Choice(options=options):
            found: Scalar = options[parameter]
            return found
        case Int() if points.is_real(dimension):
            return points.at_share(dimension, parameter)
    found = parameter
    return found
