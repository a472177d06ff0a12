"""What is told of the turns that another tuner took."""

from codegen_hpo.records import Call
from codegen_hpo.tuner.turns import fallbacks_text


def call(by: str, fallback: str = "") -> Call:
    return Call(arguments={}, proposed_by=by, fallback=fallback)


def test_turns_that_another_tuner_took_are_counted_among_the_models() -> None:
    calls = [call("default"), call("llm"), call("tpe", "too slow"), call("tpe", "no\n call"), call("tpe")]
    assert fallbacks_text(calls) == "2 of 3 turns of the model were taken by tpe: no call"


def test_nothing_is_told_of_a_model_that_took_all_its_turns() -> None:
    assert fallbacks_text([call("default"), call("llm"), call("tpe")]) == ""
