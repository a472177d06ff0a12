"""A random forest or a Gaussian process over a space, drawn by SMAC."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Literal

from ConfigSpace import (
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace.hyperparameters import Hyperparameter
from smac import BlackBoxFacade, HyperparameterOptimizationFacade, Scenario
from smac.acquisition.maximizer import (
    AbstractAcquisitionMaximizer,
    LocalAndSortedRandomSearch,
    LocalSearch,
)
from smac.facade import AbstractFacade
from smac.initial_design import SobolInitialDesign
from smac.model import AbstractModel
from smac.model.random_forest import RandomForest
from smac.runhistory import TrialInfo, TrialValue

from codegen_hpo.records import Trial
from codegen_hpo.space import Arguments, Choice, Dimension, Int, Scalar, Space
from codegen_hpo.tuner import points
from codegen_hpo.tuner.classical import MAX_STARTUP, finite_loss

_FACADES: dict[str, type[AbstractFacade]] = {
    "smac-rf": HyperparameterOptimizationFacade,
    "smac-gp": BlackBoxFacade,
}

# lines on every proposal on stderr, from a library that the caller did not choose
logging.getLogger("smac").setLevel(logging.ERROR)


class SmacSampler:
    """Draws points by SMAC: its facade for hyperparameters (a random forest) or for black boxes (a process).

    Lindauer et al., "SMAC3", JMLR 2022, section 3; calls under way: the constant liar of Ginsbourger et al.,
    "Kriging is well-suited to parallelize optimization", 2010. Each proposal comes from a new facade, told
    the trials so far. SMAC's models know no failures: a failed trial has the worst loss seen. A call under
    way has the median one, which leaves the model's mean there as it is and takes its doubt away.

    Args:
        space: what is tuned; a dimension of one value is left out.
        kind: the model.
        startup: how many trials there must be before the model is asked; a Sobol design until then.
        seed: of that design.
    """

    def __init__(
        self, space: Space, kind: Literal["smac-rf", "smac-gp"], startup: int = MAX_STARTUP, seed: int = 0
    ) -> None:
        self._space, self._facade, self._startup = space, _FACADES[kind], startup
        self._free = {name: d for name, d in space.items() if points.count(Space({name: d})) > 1}
        self._design_seed = seed % 2**32

    def __call__(
        self, told: Sequence[Trial], running: Sequence[Arguments], seed: int
    ) -> Iterator[dict[str, Scalar]]:
        if not self._free:
            yield self._space.defaults()
            return
        begun = len(told) + len(running)
        with TemporaryDirectory(prefix="codegen-hpo-") as folder:
            scenario = Scenario(
                ConfigurationSpace(space={name: _hyperparameter(name, d) for name, d in self._free.items()}),
                output_directory=Path(folder),  # nothing is saved, but its name must be free
                deterministic=True,
                n_trials=2**31,  # the budget is the caller's
                seed=seed,
            )
            if begun < self._startup:
                yield from map(self._decoded, self._design(scenario)[begun:])
            facade = self._told(scenario, told, running)
            while True:
                try:
                    configuration = facade.ask().config
                except StopIteration:  # all configurations of a finite space are told
                    return
                yield self._decoded(configuration)

    def _design(self, scenario: Scenario) -> list[Configuration]:
        design = SobolInitialDesign(scenario, n_configs=self._startup, max_ratio=1.0, seed=self._design_seed)
        return design.select_configurations()

    def _told(
        self, scenario: Scenario, told: Sequence[Trial], running: Sequence[Arguments]
    ) -> AbstractFacade:
        """A facade that was told the trials; nothing, when all failed: it then draws at random."""
        facade = self._facade(
            scenario,
            model=self._model(scenario, len(told) + len(running)),
            initial_design=SobolInitialDesign(scenario, n_configs=0),
            acquisition_maximizer=self._maximizer(scenario),
            overwrite=True,
            logging_level=False,
        )
        losses = [loss for trial in told if (loss := finite_loss(trial)) is not None]
        if losses:
            costs = [(trial.call.arguments, finite_loss(trial)) for trial in told]
            lies = [(arguments, median(losses)) for arguments in running]
            for arguments, cost in costs + lies:
                info = TrialInfo(self._encoded(scenario.configspace, arguments), seed=0)
                facade.tell(info, TrialValue(cost=max(losses) if cost is None else cost), save=False)
        return facade

    def _model(self, scenario: Scenario, begun: int) -> AbstractModel:
        model = self._facade.get_model(scenario)
        if isinstance(model, RandomForest):
            # The same trees in 0.3 s for 2 s: SMAC 2.4 reserves memory for a million leaves in each of them,
            # which cannot have more than there are trials, and starts threads for ten small trees.
            model._rf_opts |= {"max_leaf_nodes": max(begun, 2), "n_jobs": 1}
        return model

    def _maximizer(self, scenario: Scenario) -> AbstractAcquisitionMaximizer:
        maximizer = self._facade.get_acquisition_maximizer(scenario)
        assert isinstance(maximizer, LocalAndSortedRandomSearch)  # in both facades
        maximizer._local_search = _OrderedSearch(scenario.configspace, seed=scenario.seed)
        return maximizer

    def _encoded(self, configspace: ConfigurationSpace, arguments: Arguments) -> Configuration:
        values = {name: _value(dimension, arguments[name]) for name, dimension in self._free.items()}
        return Configuration(configspace, values=values)

    def _decoded(self, configuration: Configuration) -> dict[str, Scalar]:
        arguments = self._space.defaults()
        for name, dimension in self._free.items():
            found = configuration[name]
            if isinstance(dimension, Choice):
                arguments[name] = dimension.options[int(found)]
            elif points.is_real(dimension):
                arguments[name] = points.at_share(dimension, float(found))
            else:
                arguments[name] = int(found)
        return arguments


class _OrderedSearch(LocalSearch):
    """SMAC's local search, from the same starting points in any process.

    SMAC 2.4 holds them in a set of objects that are hashed by their text: their order, and so what is
    proposed, would depend on the hash seed of the process, and a resumed search would go another way.
    """

    def _get_initial_points(self, *args: Any, **kwargs: Any) -> list[Configuration]:
        found = super()._get_initial_points(*args, **kwargs)
        return sorted(found, key=lambda configuration: tuple(configuration.get_array()))


def _hyperparameter(name: str, dimension: Dimension) -> Hyperparameter[Any, Any]:
    match dimension:
        case Choice(options=options):
            # by position: its categories are compared with ==, to which 1, 1.0 and True are one
            return CategoricalHyperparameter(name, list(range(len(options))))
        case Int() if not points.is_real(dimension):
            return UniformIntegerHyperparameter(name, dimension.low, dimension.high, log=dimension.log)
    # as a share of the range: ConfigSpace 1.2 computes NaN with the ends of the widest ones
    return UniformFloatHyperparameter(name, 0.0, 1.0)


def _value(dimension: Dimension, value: Scalar) -> Scalar:
    """The value as one of `_hyperparameter`."""
    if isinstance(dimension, Choice):
        return points.option_index(dimension, value)
    return points.share(dimension, float(value)) if points.is_real(dimension) else value
