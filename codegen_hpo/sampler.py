"""An Optuna sampler that asks a language model for each trial's parameters."""

import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from codegen_hpo.errors import ConfigError, EndpointError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.messages import Ask, Reply, Request
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.distributions import Parameter, space_of, told_names
from codegen_hpo.tuner.make import TunerOptions
from codegen_hpo.tuner.study import FALLBACK, PROPOSED_BY, REASONING, TOKENS, TURN, StudyTuner, running, told
from codegen_hpo.tuner.subject import objective_metric, objective_subject

MAX_FAILURES = 3  # turns in a row without a usable reply, then the sampler raises


class _Turn(NamedTuple):
    """What one trial begins with."""

    how: Literal["model", "failed", "passed"]  # passed: there was nothing to ask for
    values: dict[str, Any]  # for Optuna, of the whole search space
    reasoning: str = ""
    fallback: str = ""


class LLMSampler(BaseSampler):
    """Samples what a language model proposes: the function calls of arXiv 2312.04528, section 2.2.

        study = optuna.create_study(sampler=LLMSampler(model="…", about="a text classifier"))
        study.optimize(objective, n_trials=30)

    It works in any study with one objective, with `optimize` or ask and tell, threads, processes and any
    storage: a proposal rests on what the study holds, on nothing else. The model is told every trial, pruned
    and failed ones too, and those under way.

    Which parameters it proposes: all that are in `space` or that a trial of the study has had, with the range
    seen last. In a space with conditions it therefore proposes those of every branch, and the objective takes
    the ones it needs. A parameter that no trial has had yet, or whose new range does not hold the proposed
    value, goes to `independent_sampler`; give `space` and the model proposes from the first trial on.

    A model without a usable reply passes its turn to `independent_sampler`, with a warning; after three such
    turns in a row the sampler raises. It passes its turn, too, when all combinations were tried and when
    `max_tokens` are spent. Who proposed what, and why, is kept in each trial's user attributes: PROPOSED_BY,
    REASONING, FALLBACK and TOKENS of `codegen_hpo.tuner.study`.

    Pickled and copied samplers hold no key and no connection: these are found anew in the environment.

    Args:
        model: the model's name; with `base_url` as in `codegen_hpo.fit`.
        base_url: an OpenAI-compatible endpoint; by default OPENAI_BASE_URL.
        temperature: sent only if given.
        ask: reaches a model in place of an endpoint.
        about: what the objective is, in your words; the model reads it.
        metric: the name of the objective's value.
        space: parameters known before the first trial.
        trials: how many the study will have, which the model is told.
        tuning: how the model is asked: history, reasoning, role and replies.
        seed: of the independent sampler.
        independent_sampler: by default RandomSampler: it is asked about parameters of which nothing is known.
        max_tokens: what may be spent on the study's proposals, in and out.
        reply_s: seconds for one reply, all attempts included.
        reply_tokens: the longest reply, for servers whose own default is short.

    Raises:
        ConfigError: no endpoint is configured.
    """

    _ask: Ask | None  # None until the endpoint is first asked

    def __init__(
        self,
        *,
        model: str | None = None,
        base_url: str | None = None,
        temperature: float | None = None,
        ask: Ask | None = None,
        about: str = "",
        metric: str = "value",
        space: Mapping[str, BaseDistribution] | None = None,
        trials: int | None = None,
        tuning: TunerOptions | None = None,
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
        max_tokens: int | None = None,
        reply_s: float = 300.0,
        reply_tokens: int | None = None,
    ) -> None:
        self._model, self._base_url, self._temperature = model, base_url, temperature
        self._reply_s, self._reply_tokens = reply_s, reply_tokens
        self._own_ask = ask
        if ask is None:
            self._model = self._endpoint().model
        self._about, self._metric = about, metric
        self._space = dict(space or {})
        self._trials, self._max_tokens = trials, max_tokens
        self._tuning = tuning or TunerOptions()
        self._independent = independent_sampler or RandomSampler(seed=seed)
        self._connect()

    # -- Optuna's side --------------------------------------------------------------------------

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every known parameter with the range seen last, but for those that the trial was enqueued with."""
        known = dict(self._space)
        for other in study.get_trials(deepcopy=False):
            known.update(other.distributions)
        enqueued = trial.system_attrs.get("fixed_params", {})
        return {
            name: known[name] for name in sorted(known) if name not in enqueued and not known[name].single()
        }

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The model's proposal for the whole search space, or the independent sampler's in its place.

        Raises:
            ValueError: the study has several objectives.
            EndpointError: the endpoint failed, or the model gave no usable reply three times in a row.
        """
        self._raise_error_if_multi_objective(study)
        if not search_space:
            return {}
        with self._lock:  # each proposal must know those before it
            self._tokens = 0
            try:
                turn = self._turn(study, trial, search_space)
            finally:  # what a turn that raises has cost is spent, too
                if self._tokens:
                    study._storage.set_trial_user_attr(trial._trial_id, TOKENS, self._tokens)
            self._note(study, trial, turn, search_space)
        return turn.values

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The independent sampler's value, with a note in the trial why the model was not asked for it."""
        self._raise_error_if_multi_objective(study)
        now = study._storage.get_trial(trial._trial_id)  # the one given lacks the newest attributes
        proposed = now.system_attrs.get(TURN, {}).get("values", {})
        reason = "its range changed" if param_name in proposed else "no trial has had it yet"
        who = now.user_attrs.get(PROPOSED_BY, {}) | {param_name: f"{self._stand_in}: {reason}"}
        study._storage.set_trial_user_attr(trial._trial_id, PROPOSED_BY, who)
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        self._independent.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._independent.before_trial(study, trial)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._independent.after_trial(study, trial, state, values)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_ask")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._connect()

    # -- the model's side -----------------------------------------------------------------------

    def _turn(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> _Turn:
        others = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        names = told_names([*search_space, *(name for other in others for name in other.params)])
        space = space_of(search_space, names)
        higher = study.direction == StudyDirection.MAXIMIZE
        metric = objective_metric(self._metric, higher_is_better=higher)
        subject = objective_subject(self._about, metric, space)
        tuner = StudyTuner(
            space,
            self._counted,
            subject,
            history=self._tuning.history,
            reasoning=self._tuning.reasoning,
            role=self._tuning.role,
            replies=self._tuning.replies,
        )
        for known in told(others, names, higher_is_better=higher):
            tuner.tell(known)
        under_way = running(others, names, search_space)
        spent = sum(other.user_attrs.get(TOKENS, 0) for other in others)
        if tuner.exhausted(under_way):
            return self._passed(study, trial, search_space, "all combinations have been tried")
        if self._max_tokens is not None and spent >= self._max_tokens:
            reason = f"{spent} of {self._max_tokens} tokens are spent"
            return self._passed(study, trial, search_space, reason)
        left = None if self._trials is None else self._trials - trial.number
        try:
            call = tuner.ask(left if left and left > 0 else None, under_way)
        except NoProposal as failure:
            self._complain(others, str(failure))
            return self._passed(study, trial, search_space, str(failure), how="failed")
        values = {
            name: Parameter.of(distribution).value(call.arguments[names[name]])
            for name, distribution in search_space.items()
        }
        return _Turn("model", values, reasoning=call.reasoning)

    def _complain(self, others: Sequence[FrozenTrial], reason: str) -> None:
        """A warning of the model's failure. Raises EndpointError when it is one too many in a row."""
        turns = [turn["how"] for other in others if (turn := other.system_attrs.get(TURN))]
        if len(turns) >= MAX_FAILURES - 1 and set(turns[1 - MAX_FAILURES :]) == {"failed"}:
            raise EndpointError(
                f"the model gave no usable proposal in {MAX_FAILURES} trials in a row; {reason}",
                hint="try another model, or the other form of replies: TunerOptions(replies='json')",
            )
        warnings.warn(f"{self._stand_in} takes this trial: {reason}", stacklevel=2)

    def _passed(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
        reason: str,
        how: Literal["passed", "failed"] = "passed",
    ) -> _Turn:
        """The turn of the independent sampler in place of the model's."""
        values = {
            name: self._independent.sample_independent(study, trial, name, distribution)
            for name, distribution in search_space.items()
        }
        return _Turn(how, values, fallback=reason)

    def _note(
        self, study: Study, trial: FrozenTrial, turn: _Turn, search_space: dict[str, BaseDistribution]
    ) -> None:
        """Keeps in the trial who proposed what, and the values, which a running trial shows one by one."""
        values = {name: search_space[name].to_internal_repr(value) for name, value in turn.values.items()}
        who = f"{self._stand_in}: {turn.fallback}" if turn.fallback else "llm"
        noted = {PROPOSED_BY: dict.fromkeys(values, who), REASONING: turn.reasoning, FALLBACK: turn.fallback}
        for name, value in noted.items():
            if value:
                study._storage.set_trial_user_attr(trial._trial_id, name, value)
        study._storage.set_trial_system_attr(trial._trial_id, TURN, {"how": turn.how, "values": values})

    @property
    def _stand_in(self) -> str:
        """The independent sampler's name: "random", "tpe"."""
        return type(self._independent).__name__.removesuffix("Sampler").lower()

    def _counted(self, request: Request) -> Reply:
        if self._ask is None:
            from codegen_hpo.llm.client import Client  # the openai client takes half a second to import
            from codegen_hpo.llm.retry import Patience

            self._ask = Client(self._endpoint(), patience=Patience(deadline_s=self._reply_s)).ask
        reply = self._ask(request)
        self._tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
        return reply

    def _connect(self) -> None:
        self._lock = threading.Lock()
        self._tokens = 0  # of the proposal that is being made
        self._ask = self._own_ask

    def _endpoint(self) -> Endpoint:
        endpoint = Endpoint.resolve(
            base_url=self._base_url,
            model=self._model,
            temperature=self._temperature,
            max_tokens=self._reply_tokens,
            environ=os.environ,
        )
        if endpoint is None:
            raise ConfigError(
                "LLMSampler needs a language model, and none is configured",
                hint="set OPENAI_API_KEY, or give base_url and model",
            )
        return endpoint
