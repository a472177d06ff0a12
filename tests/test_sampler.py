"""An ordinary Optuna study whose trials a model proposes."""

import copy
import json
import math
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from codegen_hpo import ConfigError, EndpointError, LLMSampler, TunerOptions
from codegen_hpo.llm.messages import Reply, Request, ToolCall, Usage
from codegen_hpo.testing import ScriptedServer
from codegen_hpo.testing.brain import drawing_brain
from codegen_hpo.testing.strategies import LocalSearch, answered_by
from codegen_hpo.tuner.study import FALLBACK, PROPOSED_BY, REASONING, TOKENS

SPACE = {"x": FloatDistribution(-5, 5), "n": IntDistribution(1, 9)}


class Model:
    """Answers with given arguments in turn, the last ones again and again, and keeps what it was asked."""

    def __init__(self, *answers: Mapping[str, Any] | str) -> None:
        self.answers, self.requests = answers, list[Request]()

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        call = None if isinstance(answer, str) else ToolCall("evaluate", json.dumps(dict(answer)))
        text = answer if isinstance(answer, str) else ""
        return Reply(text=text, call=call, finish="stop", usage=Usage(90, 10), model="m", seconds=0.0)

    @property
    def prompt(self) -> str:
        """The latest prompt."""
        return "\n".join(message.content for message in self.requests[-1].messages)


def study_with(sampler: LLMSampler, **options: Any) -> optuna.Study:
    return optuna.create_study(sampler=sampler, **options)


def square(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", -5, 5) ** 2 + trial.suggest_int("n", 1, 9)


def who(study: optuna.Study) -> list[dict[str, str]]:
    return [trial.user_attrs[PROPOSED_BY] for trial in study.trials]


# -- who proposes what --------------------------------------------------------------------------


def test_with_a_space_the_model_proposes_from_the_first_trial_on() -> None:
    study = study_with(LLMSampler(ask=Model({"x": 1.5, "n": 2}, {"x": -2.0, "n": 1}), space=SPACE))
    study.optimize(square, n_trials=2)
    assert [trial.params for trial in study.trials] == [{"x": 1.5, "n": 2}, {"x": -2.0, "n": 1}]
    assert who(study) == [{"x": "llm", "n": "llm"}] * 2
    assert [trial.user_attrs[TOKENS] for trial in study.trials] == [100, 100]


def test_without_one_the_first_trial_is_random_and_says_so() -> None:
    study = study_with(LLMSampler(ask=Model({"x": 1.5, "n": 2}), seed=0))
    study.optimize(square, n_trials=2)
    assert set(who(study)[0].values()) == {"random: no trial has had it yet"}
    assert study.trials[1].params == {"x": 1.5, "n": 2}


def test_another_independent_sampler_is_named_in_the_notes() -> None:
    sampler = LLMSampler(
        ask=Model({"x": 1.5, "n": 2}), independent_sampler=optuna.samplers.TPESampler(seed=0)
    )
    study = study_with(sampler)
    study.optimize(square, n_trials=2)
    assert who(study)[0] == dict.fromkeys(("x", "n"), "tpe: no trial has had it yet")


def test_conditional_parameters_are_proposed_for_every_branch_that_is_known() -> None:
    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("kind", ["tree", "net"]) == "tree":
            return float(trial.suggest_int("depth", 1, 9))
        return trial.suggest_float("rate", 0, 1)

    model = Model(
        {"kind": "tree"},
        {"kind": "net", "depth": 3},
        {"kind": "net", "depth": 4, "rate": 0.25},
        {"kind": "tree", "depth": 7, "rate": 0.5},
    )
    study = study_with(
        LLMSampler(ask=model, space={"kind": CategoricalDistribution(["tree", "net"])}, seed=0)
    )
    study.optimize(objective, n_trials=4)
    new = "random: no trial has had it yet"
    assert [by.get("depth") for by in who(study)] == [new, "llm", "llm", "llm"]
    assert [by.get("rate") for by in who(study)] == [None, new, "llm", "llm"]
    assert study.trials[2].params == {"kind": "net", "rate": 0.25}
    assert study.trials[3].params == {"kind": "tree", "depth": 7}


def test_a_range_that_no_longer_holds_the_proposal_is_sampled_independently_and_noted() -> None:
    study = study_with(LLMSampler(ask=Model({"x": 3.0}, {"x": 25.0}), space={"x": FloatDistribution(0, 5)}))
    for low, high in ((20, 30), (20, 30)):
        study.optimize(lambda trial, low=low, high=high: trial.suggest_float("x", low, high), n_trials=1)
    assert [trial["x"] for trial in who(study)] == ["random: its range changed", "llm"]
    assert study.trials[1].params == {"x": 25.0}


def test_steps_odd_names_and_any_choice_reach_the_objective_as_optuna_has_them() -> None:
    def objective(trial: optuna.Trial) -> float:
        trial.suggest_categorical("max depth", [None, 5, True])
        trial.suggest_int("width/head", 32, 96, step=32)
        trial.suggest_float("far", 0, 100, step=0.5)
        trial.suggest_int("only", 3, 3)
        return 0.0

    answer = {"max_depth": "None", "width_head": 64, "far": 7.3}
    model = Model(answer)
    study = study_with(LLMSampler(ask=model, seed=0))
    study.optimize(objective, n_trials=2)
    assert study.trials[1].params == {"max depth": None, "width/head": 64, "far": 7.5, "only": 3}
    (tool,) = model.requests[0].tools
    assert set(tool.parameters["properties"]) == set(answer)


def test_what_a_turn_that_raises_has_cost_is_counted() -> None:
    class Failing(Model):
        def __call__(self, request: Request) -> Reply:
            if self.requests:
                raise EndpointError("no quota")
            return super().__call__(request)

    study = study_with(LLMSampler(ask=Failing("I do not know"), space=SPACE))
    with pytest.raises(EndpointError, match="no quota"):
        study.ask().suggest_float("x", -5, 5)
    assert study.trials[0].user_attrs[TOKENS] == 100


def test_an_enqueued_trial_keeps_its_values_and_the_model_proposes_the_rest() -> None:
    model = Model({"n": 4})
    study = study_with(LLMSampler(ask=model, space=SPACE))
    study.enqueue_trial({"x": 0.5})
    study.optimize(square, n_trials=1)
    assert study.trials[0].params == {"x": 0.5, "n": 4}
    assert who(study) == [{"n": "llm"}]


# -- what the model is told ---------------------------------------------------------------------


def test_the_model_is_told_complete_pruned_failed_and_running_trials() -> None:
    model = Model(
        {"x": 0.125, "n": 1},
        {"x": 0.25, "n": 2},
        {"x": 0.375, "n": 3},
        {"x": 0.5, "n": 4},
        {"x": 0.625, "n": 5},
    )
    study = study_with(LLMSampler(ask=model, space=SPACE, about="a bowl of soup", metric="salt"))
    trials = []
    for _ in range(4):
        trials.append(study.ask(SPACE))
        if len(trials) == 1:
            study.tell(trials[0], 0.75)
        if len(trials) == 2:
            trials[1].report(31.5, 7)
            study.tell(trials[1], state=TrialState.PRUNED)
        if len(trials) == 3:
            running = trials[2]
    assert running.number == 2
    for told in ("7.5000e-01", "0.125", "0.25", "step 7", "31.5", "0.375", "a bowl of soup", "lower"):
        assert told in model.prompt
    study.tell(running, state=TrialState.FAIL)
    study.ask(SPACE)
    assert "failed (error)" in model.prompt


def test_a_study_that_is_maximised_says_so_and_names_the_right_leader() -> None:
    model = Model({"x": 1.0, "n": 1}, {"x": 2.0, "n": 2}, {"x": 3.0, "n": 3})
    study = study_with(LLMSampler(ask=model, space=SPACE), direction="maximize")
    study.optimize(square, n_trials=3)
    assert "higher is better" in model.prompt
    assert "Best first: 1, 0." in model.prompt


def test_the_last_of_the_planned_trials_is_announced() -> None:
    model = Model({"x": 1.0, "n": 1}, {"x": 2.0, "n": 2})
    study = study_with(LLMSampler(ask=model, space=SPACE, trials=2))
    study.optimize(square, n_trials=1)
    assert "at most 2" in model.prompt
    study.optimize(square, n_trials=1)
    assert "last" in model.prompt


def test_the_reasoning_is_kept() -> None:
    model = Model({"analysis": "try the middle", "x": 1.0, "n": 1})
    study = study_with(LLMSampler(ask=model, space=SPACE, tuning=TunerOptions(reasoning=True)))
    study.optimize(square, n_trials=1)
    assert study.trials[0].user_attrs[REASONING] == "try the middle"


def test_a_new_sampler_on_a_stored_study_asks_what_the_old_one_would_have_asked(tmp_path: Path) -> None:
    answers = [{"x": 1.0, "n": 1}, {"x": 2.0, "n": 2}, {"x": 3.0, "n": 3}]
    whole = Model(*answers)
    study_with(LLMSampler(ask=whole, space=SPACE)).optimize(_flat, n_trials=3)
    storage = f"sqlite:///{tmp_path}/study.db"
    study_with(LLMSampler(ask=Model(*answers), space=SPACE), storage=storage, study_name="s").optimize(
        _flat, n_trials=2
    )
    second = Model(answers[2])
    optuna.load_study(study_name="s", storage=storage, sampler=LLMSampler(ask=second, space=SPACE)).optimize(
        _flat, n_trials=1
    )
    assert _without_seconds(second.prompt) == _without_seconds(whole.prompt)


def _flat(trial: optuna.Trial) -> float:
    return 1.0 + 0 * square(trial)


def _without_seconds(prompt: str) -> str:
    return "\n".join(line.partition(";")[0] for line in prompt.splitlines())


# -- when the model does not deliver ------------------------------------------------------------


def test_a_turn_without_a_usable_reply_goes_to_random_with_a_warning_and_a_note() -> None:
    unusable = ["no idea"] * 6
    study = study_with(LLMSampler(ask=Model(*unusable, {"x": 1.0, "n": 1}), space=SPACE, seed=0))
    with pytest.warns(UserWarning, match="random takes this trial: the model gave no usable"):
        study.optimize(square, n_trials=1)
    attributes = study.trials[0].user_attrs
    assert "no usable call" in attributes[FALLBACK]
    assert all(name.startswith("random: ") for name in attributes[PROPOSED_BY].values())
    assert attributes[TOKENS] == 600
    study.optimize(square, n_trials=1)
    assert FALLBACK not in study.trials[1].user_attrs


@pytest.mark.filterwarnings("ignore:random takes this trial")
def test_three_such_turns_in_a_row_end_the_study_with_an_error() -> None:
    study = study_with(LLMSampler(ask=Model("no idea"), space=SPACE, seed=0))
    with pytest.raises(EndpointError, match="3 trials in a row"):
        study.optimize(square, n_trials=5)
    assert len(study.trials) == 3


def test_a_wrong_key_raises_and_is_not_taken_for_a_proposal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key-of-a-test")
    with ScriptedServer(drawing_brain(""), api_key="sk-the-right-one") as server:
        study = study_with(LLMSampler(base_url=server.base_url, model="scripted", space=SPACE))
        with pytest.raises(EndpointError) as raised:
            study.optimize(square, n_trials=3)
    assert "sk-wrong" not in str(raised.value)
    assert [trial.params for trial in study.trials] == [{}]


def test_when_every_combination_was_tried_the_model_is_not_asked() -> None:
    model = Model({"k": "a"}, {"k": "b"})
    study = study_with(LLMSampler(ask=model, space={"k": CategoricalDistribution(["a", "b"])}, seed=0))
    study.optimize(lambda trial: float(trial.suggest_categorical("k", ["a", "b"]) == "a"), n_trials=4)
    assert len(model.requests) == 2
    assert who(study)[2:] == [{"k": "random: all combinations have been tried"}] * 2


def test_spent_tokens_pass_the_turn_on() -> None:
    model = Model({"x": 1.0, "n": 1}, {"x": 2.0, "n": 2})
    study = study_with(LLMSampler(ask=model, space=SPACE, max_tokens=150, seed=0))
    study.optimize(square, n_trials=4)
    assert len(model.requests) == 2
    assert study.trials[3].user_attrs[FALLBACK] == "200 of 150 tokens are spent"


def test_without_an_endpoint_it_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="needs a language model") as raised:
        LLMSampler()
    assert "OPENAI_API_KEY" in raised.value.hint


# -- copies, threads, storages ------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda sampler: pickle.loads(pickle.dumps(sampler))])
def test_a_copy_works_and_holds_no_key(
    copied: Callable[[LLMSampler], LLMSampler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-a-test")
    with ScriptedServer(drawing_brain("")) as server:
        sampler = LLMSampler(base_url=server.base_url, model="scripted", space=SPACE)
        study_with(sampler).optimize(square, n_trials=1)  # the connection is open now
        assert b"sk-secret" not in pickle.dumps(sampler)
        study = study_with(copied(sampler))
        study.optimize(square, n_trials=1)
    assert who(study) == [{"x": "llm", "n": "llm"}]


def test_threads_over_a_stored_study_never_get_the_same_proposal(tmp_path: Path) -> None:
    with ScriptedServer(drawing_brain("")) as server:
        sampler = LLMSampler(base_url=server.base_url, model="scripted", space=SPACE)
        study = study_with(sampler, storage=f"sqlite:///{tmp_path}/study.db")
        study.optimize(square, n_trials=8, n_jobs=2)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 8
    assert len({tuple(sorted(trial.params.items())) for trial in study.trials}) == 8
    assert who(study) == [{"x": "llm", "n": "llm"}] * 8


# -- the whole of it ----------------------------------------------------------------------------


@pytest.mark.parametrize("replies", ["call", "json"])
def test_a_model_that_reads_its_prompt_finds_the_minimum_of_a_study(replies: Any) -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -5, 5)
        rate = trial.suggest_float("rate", 1e-5, 1, log=True)
        off = {"a": 3.0, "b": 0.0, "c": 1.0}[trial.suggest_categorical("kind", ["a", "b", "c"])]
        return (x - 2) ** 2 + (math.log10(rate) + 2) ** 2 + off

    sampler = LLMSampler(ask=answered_by(LocalSearch()), tuning=TunerOptions(replies=replies), seed=3)
    study = study_with(sampler)
    study.optimize(objective, n_trials=40)
    assert study.trials[0].value is not None
    assert study.trials[0].value > 2
    assert study.best_value < 0.3
    assert all(by == "llm" for trial in study.trials[1:] for by in trial.user_attrs[PROPOSED_BY].values())
