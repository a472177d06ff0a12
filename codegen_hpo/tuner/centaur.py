"""CMA-ES on every trial, with a language model in its place at a fixed share of the turns.

The method is Centaur's (arXiv 2603.24647). The model is shown the whole state of CMA-ES; its points enter the
next update as injected ones, their step clipped (Hansen, arXiv 1110.4181), which the sampler sees to.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.prompts import quoted, render
from codegen_hpo.records import Call, Trial
from codegen_hpo.space import Scalar, Space
from codegen_hpo.tuner.classical import ClassicalTuner
from codegen_hpo.tuner.cmaes import CmaesSampler, Distribution
from codegen_hpo.tuner.feedback import arguments_text, usable
from codegen_hpo.tuner.history import MODEL
from codegen_hpo.tuner.language_model import LLMTuner
from codegen_hpo.tuner.turns import model_or

CMAES = "cmaes"  # in `Call.proposed_by`
WARM_UP = 10  # first turns, all of them CMA-ES's
_CORRELATIONS = 5  # that the model is shown
_NOTICEABLE = 0.1  # a correlation below says nothing


class CentaurTuner:
    """Proposes what CMA-ES draws, or what the model makes of it in its turns.

    Args:
        space: the space.
        model: takes its turns; it should show the trials as a digest.
        seed: of CMA-ES, not negative.
        share: of the turns after the warm-up, the model's.
    """

    name = "centaur"

    def __init__(self, space: Space, model: LLMTuner, seed: int, share: float) -> None:
        self._space, self._model, self._share = space, model, share
        self._sampler = CmaesSampler(space)
        self._cmaes = ClassicalTuner(CMAES, space, self._sampler, seed)
        self._told: list[Trial] = []

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        """The next call. Raises NoProposal, also after three turns of the model without a usable call."""
        own = self._cmaes.ask(trials_left, running)
        before = [*(trial.call for trial in self._told), *running]
        turn = 1 + sum(call.proposed_by in (CMAES, MODEL) for call in before)
        if not is_models(turn, self._share):
            return own
        state = _shown(self._sampler.distribution(self._told), own)
        return model_or(lambda: self._model.propose(trials_left, running, state), lambda: own, before)

    def tell(self, trial: Trial) -> None:
        """Learns from a trial, whoever proposed it."""
        learnt = usable(trial, self._space)
        if learnt is not None:
            self._told.append(learnt)
            self._cmaes.tell(learnt)
            self._model.tell(learnt)


def is_models(turn: int, share: float) -> bool:
    """Whether the turn, counted from 1, is the model's: error diffusion keeps the share exact."""
    return turns_of_model(turn, share) > turns_of_model(turn - 1, share)


def turns_of_model(turns: int, share: float) -> int:
    """How many of the first turns are the model's."""
    return math.floor(max(turns - WARM_UP, 0) * _exact(share))


def check_turns(turns: int, share: float) -> None:
    """Raises ConfigError if so many turns leave the model none."""
    if turns_of_model(turns, share):
        return
    first = WARM_UP + math.ceil(1 / _exact(share))
    raise ConfigError(
        f"centaur would never ask its model: after {WARM_UP} turns of CMA-ES, with a share of {share:g}, the "
        f"model's first is turn {first}, and the trials leave {turns} (those at the defaults and at start "
        "points are none)",
        hint=f"raise the trials (--trials) by {first - turns} or more"
        + (", or the model's share (--llm-share)" if turns > WARM_UP else ""),
    )


def _exact(share: float) -> Fraction:
    return Fraction(str(share))  # 0.3 is not 3/10 as a float


def _shown(distribution: Distribution, own: Call) -> str:
    correlations = [pair for pair in distribution.correlations if abs(pair[2]) >= _NOTICEABLE]
    return render(
        "tune_centaur",
        generation=distribution.generation,
        sigma=f"{distribution.sigma:.3g} of each range",
        mean=arguments_text(distribution.mean),
        spread=[(name, _number(low), _number(high)) for name, (low, high) in distribution.spread.items()],
        correlations=[(a, b, f"{r:.2f}") for a, b, r in correlations[:_CORRELATIONS]],
        probabilities=[
            (name, ", ".join(f"{_option(option)} {share:.2f}" for option, share in shares))
            for name, shares in distribution.probabilities.items()
        ],
        suggestion=arguments_text(own.arguments),
    )


def _number(value: Scalar) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _option(option: Scalar) -> str:
    return quoted(option) if isinstance(option, str) else str(option).lower()
