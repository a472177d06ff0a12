"""CMA-ES over numbers, whole numbers and categories, drawn by cmaes."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import Arguments, Choice, Float, Int, Scalar, Space
from codegen_hpo.tuner import points
from codegen_hpo.tuner.classical import finite_loss
from codegen_hpo.tuner.feasibility import feasibility

if TYPE_CHECKING:
    from cmaes import CatCMAwM

_STEP = 0.2  # the first step size, of each range: between Optuna's sixth and the 0.3 of arXiv 1604.00772
_MAX_DRAWS = 20  # of one point, as long as it is likely to fail


class Distribution(NamedTuple):
    """What CMA-ES would draw from now: facts of its state, in the space's own values."""

    generation: int  # how often it was updated
    sigma: float  # the step size, as a share of each range; 0 without a number to tune
    mean: dict[str, Scalar]  # complete arguments; of a choice, the most probable option
    spread: dict[str, tuple[Scalar, Scalar]]  # of each number: the mean ± one standard deviation
    correlations: tuple[tuple[str, str, float], ...]  # of each pair of numbers, the strongest first
    probabilities: dict[str, tuple[tuple[Scalar, float], ...]]  # of each choice's options


class CmaesSampler:
    """Draws points by CatCMA with margin: CMA-ES for numbers, whole numbers and choices together.

    Hamano et al., "CatCMA with Margin", arXiv 2504.07884; the clipped steps are those of Hansen, "Injecting
    External Solutions Into CMA-ES", arXiv 1110.4181, section 3. The distribution is made anew from the trials
    told, in their order, at each proposal. Only ranks count. Each trial's step from the mean is clipped,
    whoever proposed it: neither another proposer's point nor one drawn from a distribution long left can
    throw the state off. As long as all trials failed, points are drawn at random.

    Args:
        space: what is tuned; a dimension of one value is left out.
    """

    def __init__(self, space: Space) -> None:
        free = {name: d for name, d in space.items() if points.count(Space({name: d})) > 1}
        numbers = {name: d for name, d in free.items() if not isinstance(d, Choice)}
        self._space = space
        self._real = {name: d for name, d in numbers.items() if points.is_real(d)}
        self._whole = {name: d for name, d in numbers.items() if isinstance(d, Int) and not points.is_real(d)}
        self._choices = {name: d for name, d in free.items() if isinstance(d, Choice)}
        self._numbers: dict[str, Float | Int] = {**self._real, **self._whole}  # in the optimiser's order

    def __call__(
        self, told: Sequence[Trial], running: Sequence[Arguments], seed: int
    ) -> Iterator[dict[str, Scalar]]:
        if not self._numbers and not self._choices:
            yield self._space.defaults()
            return
        if told and all(finite_loss(trial) is None for trial in told):
            generator = np.random.default_rng(seed)
            while True:
                yield points.draw(self._space, generator)
        state = self._state(told)
        state.reseed_rng(seed)
        likely = feasibility(self._space, told)
        while True:
            drawn = [self._decoded(state.ask())]
            while not likely(drawn[-1]) and len(drawn) < _MAX_DRAWS:
                drawn.append(self._decoded(state.ask()))
            yield drawn[-1]

    def distribution(self, told: Sequence[Trial]) -> Distribution:
        """The distribution after these trials, as the next proposal is drawn from it."""
        if not self._numbers and not self._choices:
            return Distribution(0, 0.0, self._space.defaults(), {}, (), {})
        state = self._state(told)
        mean = self._space.defaults()
        spread: dict[str, tuple[Scalar, Scalar]] = {}
        correlations: list[tuple[str, str, float]] = []
        probabilities: dict[str, tuple[tuple[Scalar, float], ...]] = {}
        if self._numbers:
            deviations = np.sqrt(np.diag(state._C))
            for i, (name, d) in enumerate(self._numbers.items()):
                step = state._sigma * state._A[i] * deviations[i]
                mean[name] = points.at_share(d, state._mean[i])
                spread[name] = (
                    points.at_share(d, state._mean[i] - step),
                    points.at_share(d, state._mean[i] + step),
                )
            r = state._C / np.outer(deviations, deviations)
            for (i, a), (j, b) in itertools.combinations(enumerate(self._numbers), 2):
                correlations.append((a, b, float(r[i, j])))
        for i, (name, choice) in enumerate(self._choices.items()):
            shares = [float(p) for p in state._q[i, : len(choice.options)]]
            probabilities[name] = tuple(zip(choice.options, shares, strict=True))
            mean[name] = choice.options[int(np.argmax(shares))]
        return Distribution(
            generation=state.generation,
            sigma=float(state._sigma) if self._numbers else 0.0,
            mean=mean,
            spread=spread,
            correlations=tuple(sorted(correlations, key=lambda pair: -abs(pair[2]))),
            probabilities=probabilities,
        )

    def _state(self, told: Sequence[Trial]) -> "CatCMAwM":
        """The optimiser after these trials, a generation at a time.

        The better half of a generation moves the mean, so a generation is full once that half is made of
        trials that succeeded. Failures rank last; those beyond the other half are left out, as points that
        are drawn again, because the order among them means nothing.
        """
        state = self._start(told)
        size = state.population_size
        done: list[Trial] = []
        failed: list[Trial] = []
        for trial in told:
            (failed if finite_loss(trial) is None else done).append(trial)
            if len(done) >= size // 2 and len(done) + len(failed) >= size:
                generation = [*ranked(done), *failed][:size]
                # ranks for values: the penalties that cmaes 0.13 adds beyond the bounds need finite ones
                state.tell([(self._encoded(state, t), float(rank)) for rank, t in enumerate(generation)])
                done, failed = [], []
        return state

    def _start(self, told: Sequence[Trial]) -> "CatCMAwM":
        """The optimiser at the defaults or, where the search began with failures, at its first success."""
        from cmaes import CatCMAwM

        begun = [trial.call.arguments for trial in told if finite_loss(trial) is not None]
        at_defaults = not begun or finite_loss(told[0]) is not None
        start = self._space.defaults() if at_defaults else begun[0]
        first = [points.share(d, float(start[name])) for name, d in self._numbers.items()]
        return CatCMAwM(
            x_space=[[0.0, 1.0] for _ in self._real] or None,
            z_space=[[points.share(d, v) for v in range(d.low, d.high + 1)] for d in self._whole.values()]
            or None,
            c_space=[len(d.options) for d in self._choices.values()] or None,
            mean=np.array(first),
            sigma=_STEP,
            cov=np.eye(len(first)),
        )

    def _encoded(self, state: "CatCMAwM", trial: Trial) -> "CatCMAwM.Solution":
        from cmaes import CatCMAwM

        arguments = trial.call.arguments
        numbers = options = None
        if self._numbers:
            at = [points.share(d, float(arguments[name])) for name, d in self._numbers.items()]
            numbers = _clipped(state, np.array(at))
        if self._choices:
            options = np.zeros(state._q.shape)  # (choices, most options)
            for i, (name, choice) in enumerate(self._choices.items()):
                options[i, points.option_index(choice, arguments[name])] = 1
        return CatCMAwM.Solution(c=options, _v_raw=numbers)

    def _decoded(self, solution: "CatCMAwM.Solution") -> dict[str, Scalar]:
        arguments = self._space.defaults()
        for name, at in zip(self._real, solution.x if self._real else (), strict=True):
            arguments[name] = points.at_share(self._real[name], float(at))
        for name, at in zip(self._whole, solution.z if self._whole else (), strict=True):
            arguments[name] = points.at_share(self._whole[name], float(at))
        for i, (name, choice) in enumerate(self._choices.items()):
            arguments[name] = choice.options[int(np.argmax(solution.c[i]))]
        return arguments


def _clipped(state: "CatCMAwM", point: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point, or one nearer to the mean if its Mahalanobis distance is more than a step's usual one."""
    n = len(point)
    step = (point - state._mean) / (state._sigma * state._A)
    length = math.sqrt(step @ np.linalg.solve(state._C, step))
    limit = math.sqrt(n) + 2 * n / (n + 2)
    shrunk: NDArray[np.float64] = state._mean + (point - state._mean) * min(1.0, limit / max(length, limit))
    return shrunk
