"""A language model makes the first calls, and a classical tuner goes on from their trials.

"Using Large Language Models for Hyperparameter Optimization" (arXiv 2312.04528, section 4.1) lets the model
make the first ten of thirty calls before Bayesian optimisation.
"""

from collections.abc import Sequence

from codegen_hpo.llm.prompts import render
from codegen_hpo.records import Call, Trial
from codegen_hpo.space import Space
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.feedback import usable
from codegen_hpo.tuner.language_model import LLMTuner
from codegen_hpo.tuner.turns import FAILED_TURNS, model_or, of_model

WITHOUT_LIMIT = 10  # calls of the model where the number of trials has no limit


class WarmStartTuner:
    """Asks the model in its first turns, then the classical tuner, which is told every trial.

    A call that neither proposed, such as that at the defaults, is no turn.

    Args:
        name: "llm+tpe" or another.
        space: the space of both.
        model: makes the first calls.
        then: stands in when the model gives none, and makes all later ones.
        turns: how many the model has.
    """

    def __init__(self, name: str, space: Space, model: LLMTuner, then: Tuner, turns: int) -> None:
        self.name = name
        self._space = space
        self._model, self._then, self._turns = model, then, turns
        self._told: list[Call] = []

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        """The next call. Raises NoProposal, also when the model failed too often in a row."""
        before = [*self._told, *running]
        left = self._turns - sum(map(of_model, before))
        if left <= 0:
            return self._then.ask(trials_left, running)
        aside = render("tune_warm_start", left=left, then=self._then.name)
        return model_or(
            lambda: self._model.propose(trials_left, running, aside),
            lambda: self._then.ask(trials_left, running),
            before,
            min(FAILED_TURNS, self._turns),
        )

    def tell(self, trial: Trial) -> None:
        """Learns from a trial, whoever proposed it."""
        learnt = usable(trial, self._space)
        if learnt is not None:
            self._told.append(learnt.call)
            self._model.tell(learnt)
            self._then.tell(learnt)


def first_turns(trials: int | None) -> int:
    """How many calls the model makes: a third of the budget, at least one; ten without a limit."""
    return WITHOUT_LIMIT if trials is None else max(1, trials // 3)
