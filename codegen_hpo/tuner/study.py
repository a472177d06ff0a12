"""An Optuna study's trials as a language model is told them, and the tuner that is told."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Scalar
from codegen_hpo.tuner import points
from codegen_hpo.tuner.distributions import Parameter
from codegen_hpo.tuner.language_model import LLMTuner

# user attributes of a trial
PROPOSED_BY = "codegen_hpo:proposed_by"  # of each parameter, and why if it was not the model
REASONING = "codegen_hpo:reasoning"  # the model's own words
FALLBACK = "codegen_hpo:fallback"  # why the model did not propose; missing if it did
TOKENS = "codegen_hpo:tokens"  # what the proposal cost, in and out

# system attribute: how the model's turn went, and the values for parameters not suggested yet
TURN = "codegen_hpo:turn"


class StudyTuner(LLMTuner):
    """Is told trials as they were: in a study they may lack arguments, or come from another range."""

    def tell(self, trial: Trial) -> None:
        """Learns from a trial, whatever its arguments."""
        self._told.append(trial)

    def exhausted(self, running: Sequence[Call]) -> bool:
        """Whether every point of the space was tried or is under way."""
        return len(self._tried(running)) >= points.count(self._space)

    def _tried(self, running: Sequence[Call]) -> dict[str, str]:
        tried = super()._tried(running)
        return {arguments: said for arguments, said in tried.items() if self._is_point(arguments)}

    def _is_point(self, arguments: str) -> bool:
        whole = set(json.loads(arguments)) == set(self._space)
        return whole and self._space.check(arguments).arguments is not None


def told(trials: Iterable[FrozenTrial], names: Mapping[str, str], *, higher_is_better: bool) -> list[Trial]:
    """The finished trials under Optuna's numbers; one that ended before it had a parameter teaches nothing.

    Args:
        trials: of the study, in their order.
        names: of the parameters, as the tuner knows them.
        higher_is_better: the study's direction.
    """
    finished = [trial for trial in trials if trial.state.is_finished() and trial.params]
    return [_told(trial, names, higher_is_better) for trial in finished]


def running(
    trials: Iterable[FrozenTrial], names: Mapping[str, str], distributions: Mapping[str, BaseDistribution]
) -> list[Call]:
    """The trials under way, with what each took so far and what was proposed to it."""
    calls = []
    for trial in trials:
        known = {**distributions, **trial.distributions}
        proposed = trial.system_attrs.get(TURN, {}).get("values", {})
        values = {name: known[name].to_external_repr(proposed[name]) for name in proposed if name in known}
        if trial.state == TrialState.RUNNING and (values or trial.params):
            calls.append(_call(trial, _arguments(values | trial.params, known, names)))
    return calls


def _told(trial: FrozenTrial, names: Mapping[str, str], higher_is_better: bool) -> Trial:
    score = trial.value if trial.state == TrialState.COMPLETE else None
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    outcome = Outcome(status="ok", seconds=seconds)
    if trial.state == TrialState.PRUNED:
        outcome = Outcome(status="killed", seconds=seconds, error=_pruned(trial))
    elif score is None:
        outcome = Outcome(status="error", seconds=seconds)
    elif not math.isfinite(score):
        outcome = Outcome(status="nan", seconds=seconds, error=f"the value is {score}")
        score = None
    return Trial(
        number=trial.number,
        call=_call(trial, _arguments(trial.params, trial.distributions, names)),
        outcome=outcome,
        score=score,
        loss=None if score is None else -score if higher_is_better else score,
    )


def _call(trial: FrozenTrial, arguments: dict[str, Scalar]) -> Call:
    by_model = trial.system_attrs.get(TURN, {}).get("how") == "model"
    return Call(
        arguments=arguments,
        proposed_by="llm" if by_model else "other",
        reasoning=trial.user_attrs.get(REASONING, ""),
    )


def _arguments(
    params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution], names: Mapping[str, str]
) -> dict[str, Scalar]:
    return {names[name]: Parameter.of(distributions[name]).told(value) for name, value in params.items()}


def _pruned(trial: FrozenTrial) -> str:
    step = trial.last_step
    if step is None:
        return "stopped early by the pruner"
    return f"stopped early by the pruner at step {step}, at a value of {trial.intermediate_values[step]:.6g}"
