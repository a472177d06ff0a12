import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.records import Call, Epoch, Outcome, Trial
from codegen_hpo.space import Choice, Int, Space
from codegen_hpo.task import METRICS
from codegen_hpo.tuner.feedback import CURVE_POINTS, arguments_text, feedback, result_line, thinned, usable
from codegen_hpo.tuner.subject import objective_metric

losses = st.floats(allow_infinity=True, allow_nan=True)


SPACE = Space({"n": Int(1, 9), "act": Choice(("relu", "silu"))})


def trial(score: float | None, loss: float | None = None, **arguments: object) -> Trial:
    call = Call(arguments={"n": 3, "act": "silu"} | arguments, proposed_by="llm")  # type: ignore[arg-type]
    outcome = Outcome(status="ok" if score is not None else "timeout", seconds=0.4)
    return Trial(number=1, call=call, outcome=outcome, score=score, loss=score if loss is None else loss)


def curve_of(values: list[float]) -> list[Epoch]:
    return [Epoch(number, 1.0, loss, 0.1 * number) for number, loss in enumerate(values, 1)]


@given(st.lists(losses, min_size=1, max_size=300))
def test_a_thinned_curve_keeps_the_first_the_last_and_the_best_epoch(values: list[float]) -> None:
    curve = curve_of(values)
    kept = thinned(curve)
    assert len(kept) <= CURVE_POINTS
    assert kept[0] == curve[0] or math.isnan(curve[0].inner_loss)
    assert kept[0].number == 1
    assert kept[-1].number == len(curve)
    finite = [epoch.inner_loss for epoch in curve if not math.isnan(epoch.inner_loss)]
    if finite:
        assert min(finite) in [epoch.inner_loss for epoch in kept]
    assert [epoch.number for epoch in kept] == sorted({epoch.number for epoch in kept})


def test_a_short_curve_is_shown_whole() -> None:
    curve = curve_of([3.0, 2.0, 2.5])
    assert thinned(curve) == curve


def test_a_long_curve_uses_all_the_points_there_are() -> None:
    curve = curve_of([1.0 / number for number in range(1, 101)])
    assert len(thinned(curve)) >= CURVE_POINTS - 1


def test_an_objective_is_told_by_name_and_value_alone() -> None:
    assert result_line(trial(0.5), objective_metric("loss")) == '"loss" 5.0000e-01'
    assert result_line(trial(None), objective_metric("loss")) == "failed (timeout)"


def test_a_trial_is_learnt_as_its_space_writes_it() -> None:
    learnt = usable(trial(0.5, n=4.0), SPACE)
    assert learnt is not None
    assert learnt.call.arguments == {"n": 4, "act": "silu"}
    assert type(learnt.call.arguments["n"]) is int
    assert usable(trial(0.5, depth=4), SPACE) is None
    assert usable(trial(0.5, n=10), SPACE) is None


def test_a_value_that_is_no_finite_number_is_a_failure() -> None:
    for score, loss in ((math.nan, math.nan), (math.inf, math.inf), (math.inf, -math.inf), (None, 1.0)):
        learnt = usable(trial(score, loss), SPACE)
        assert learnt is not None
        assert (learnt.score, learnt.loss) == (None, None)
        assert learnt.outcome.status == ("timeout" if score is None else "nan")


@given(
    st.dictionaries(st.text(max_size=40), st.booleans() | st.integers() | st.text(max_size=40), max_size=5)
)
def test_any_arguments_are_one_line_of_json_without_tags_and_fences(arguments: dict[str, object]) -> None:
    text = arguments_text(arguments)  # type: ignore[arg-type]
    assert len(text.splitlines()) == 1
    assert not set("<>`") & set(text)
    shown = json.loads(text)
    if all(str(word).isprintable() for pair in arguments.items() for word in pair):
        assert shown == arguments


@pytest.mark.parametrize(
    ("stopped", "said"),
    [
        ("patience", ""),
        ("epochs", ""),
        ("pruned", ", pruned as hopeless"),
        ("time", ", stopped by the time limit"),
    ],
)
def test_what_ended_a_training_is_told_unless_it_is_the_rule(stopped: str, said: str) -> None:
    outcome = Outcome(
        status="ok",
        curve=tuple(curve_of([2.0, 1.0])),
        best_epoch=2,
        stopped=stopped,
        seconds=3.0,
        parameters=9,
    )
    told = replace(trial(0.5), outcome=outcome)
    assert (
        result_line(told, METRICS["rmse"], brief=True) == f"rmse 5.0000e-01; 3.0 s, best epoch 2 of 2{said}"
    )
    assert result_line(told, METRICS["rmse"]).startswith("validation rmse 5.0000e-01; 3.0 s, 9 parameters, ")


def test_a_failed_trial_is_told_with_the_last_line_of_its_error_and_more_only_if_there_is_more() -> None:
    metric = objective_metric("loss")
    for error, more in (("ValueError: too deep", ""), ("in forward\nValueError: too deep\n", "in forward")):
        outcome = Outcome(status="error", stage="step", error=error)
        told = feedback(replace(trial(None), outcome=outcome), metric, {})
        assert told.result == 'failed (error in step): "ValueError: too deep"'
        assert told.error.partition("\n")[0] == more


def test_arguments_at_their_defaults_are_left_out_of_a_list() -> None:
    assert (
        feedback(trial(0.5), objective_metric("loss"), {"n": 3, "act": "relu"}).arguments == '{"act":"silu"}'
    )
    assert feedback(trial(0.5), objective_metric("loss"), {"n": True}).arguments == '{"n":3,"act":"silu"}'
