"""What the classical tuners have in common: the rules around a sampler's proposals."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from codegen_hpo.records import Call, Trial
from codegen_hpo.space import Arguments, Scalar, Space, canonical
from codegen_hpo.tuner import points
from codegen_hpo.tuner.base import NoProposal

MAX_REPEATS = 10  # duplicates that a sampler may propose before an untried point is looked for
MAX_STARTUP = 10  # trials before a model of them is asked, however large the budget: Optuna's own number
MAX_LOSS = 1e100  # what is further from 0 is alike: models square the losses
MAX_DRAWS = 1_000  # random points among which an untried one is looked for
MAX_LISTED = 5_000  # points of a finite space that are listed to find an untried one

Sampler = Callable[[Sequence[Trial], Sequence[Arguments], int], Iterator[dict[str, Scalar]]]
"""Proposes points of one space, the next best one first, as long as it is asked to: given the trials told, in
their order, the arguments of the calls under way, and a seed, and knowing nothing else."""


def startup(trials: int | None) -> int:
    """How many trials come before a model of them is asked: a quarter of the budget, as in SMAC, 2 to 10."""
    return MAX_STARTUP if trials is None else min(max(trials // 4, 2), MAX_STARTUP)


def finite_loss(trial: Trial) -> float | None:
    """The loss to learn from; None of a trial that failed, as is one of NaN or infinity."""
    if trial.loss is None or not math.isfinite(trial.loss):
        return None
    return min(max(trial.loss, -MAX_LOSS), MAX_LOSS)


class ClassicalTuner:
    """Proposes what a sampler draws, never the same point twice.

    Each proposal is drawn with a seed of its own, made of `seed` and the number of trials told and under way.

    Args:
        name: who proposed, in the record of each call.
        space: the space, as the sampler knows it.
        sampler: draws the points.
        seed: not negative.
        first: points that come before those that are drawn, as in Optuna's `enqueue_trial`.
    """

    def __init__(
        self, name: str, space: Space, sampler: Sampler, seed: int, first: Sequence[Arguments] = ()
    ) -> None:
        self.name = name
        self._space, self._sampler, self._seed = space, sampler, seed
        self._first = tuple(map(dict, first))
        self._told: list[Trial] = []

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        """A call that is not among those told and under way. Raises NoProposal when there is no other."""
        checked = [self._space.check(call.arguments).arguments for call in running]
        under_way = [arguments for arguments in checked if arguments is not None]
        tried = {canonical(trial.call.arguments) for trial in self._told}
        tried.update(canonical(arguments) for arguments in under_way)
        if len(tried) >= points.count(self._space):
            raise NoProposal(f"all {len(tried)} combinations of the arguments have been tried")
        for point in self._first:
            if canonical(point) not in tried:
                return Call(arguments=point, proposed_by=self.name)
        generator = np.random.default_rng([self._seed, len(self._told), len(under_way)])
        drawn = self._sampler(self._told, under_way, int(generator.integers(2**31)))
        for _, arguments in zip(range(MAX_REPEATS), drawn, strict=False):
            if canonical(arguments) not in tried:
                return Call(arguments=arguments, proposed_by=self.name)
        return Call(arguments=self._untried(tried, generator), proposed_by=self.name)

    def tell(self, trial: Trial) -> None:
        """Learns from a trial. One whose arguments are not of this space teaches nothing and is left out."""
        arguments = self._space.check(trial.call.arguments).arguments
        if arguments is not None:
            self._told.append(replace(trial, call=replace(trial.call, arguments=arguments)))

    def _untried(self, tried: set[str], generator: np.random.Generator) -> dict[str, Scalar]:
        """An untried point when the sampler keeps repeating itself. Raises NoProposal if none was found."""
        if points.count(self._space) <= MAX_LISTED:
            untried = [p for p in points.listed(self._space) if canonical(p) not in tried]
            return untried[int(generator.integers(len(untried)))]
        # more points than any run tries: a random one is new but for rare accidents
        for _ in range(MAX_DRAWS):
            point = points.draw(self._space, generator)
            if canonical(point) not in tried:
                return point
        raise NoProposal(f"{MAX_DRAWS} random combinations of the arguments have all been tried")
