"""What a model is told of time, and that it hears on the same turn of a call that takes too long."""

import pytest

from codegen_hpo.llm.messages import Reply, Request, ToolCall, Usage
from codegen_hpo.space import Arguments, Choice, Int, Space
from codegen_hpo.task import METRICS
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.language_model import LLMTuner
from codegen_hpo.tuner.outlook import Driver, Outlook, Pace
from codegen_hpo.tuner.subject import GENERATED, function_subject

SPACE = Space({"width": Int(32, 1024, log=True, default=256), "act": Choice(("relu", "a`\nb"))})
DRIVERS = (Driver("width", 32, 1024, 8.04), Driver("act", "relu", "a`\nb", 2.0))


class Model:
    """Calls with these widths in turn, and keeps what it was told."""

    def __init__(self, *widths: int) -> None:
        self._widths = list(widths)
        self.told: list[str] = []

    def __call__(self, request: Request) -> Reply:
        self.told.append(request.messages[-1].content)
        call = ToolCall(GENERATED, f'{{"width": {self._widths.pop(0)}}}')
        return Reply(text="", call=call, finish="tool_calls", usage=Usage(1, 1), model="m", seconds=0.0)


def tuner(model: Model, pace: Pace | None, widest: int = 1024) -> LLMTuner:
    def refusal(arguments: Arguments) -> str:
        return "it takes too long" if float(arguments["width"]) > widest else ""

    subject = function_subject("# The task\n\nTrips.", "A plain MLP.", METRICS["rmse"])
    return LLMTuner(SPACE, model, subject, outlook=Outlook(lambda: pace, refusal))


def test_the_time_left_and_what_costs_it_are_told() -> None:
    model = Model(64)
    tuner(model, Pace(left_s=123.4, trial_s=300.0, usual_s=12.34, drivers=DRIVERS)).ask(None)
    assert "A training takes about 12 s here; about 123 s are left for all.\n" in model.told[0]
    told = 'longer with width (1024: 8.0 times 32), act ("a\\u0060\\nb": 2.0 times "relu").\n'
    assert told in model.told[0]


def test_without_a_limit_the_longest_trial_is_told() -> None:
    model = Model(64)
    tuner(model, Pace(left_s=None, trial_s=300.0, usual_s=200.0, drivers=())).ask(None)
    assert "A training takes about 200 s here, and is ended after 300 s.\n" in model.told[0]
    assert "longer with" not in model.told[0]


def test_where_no_time_is_short_nothing_is_said_of_it() -> None:
    model = Model(64)
    tuner(model, None).ask(None)
    assert "A training takes" not in model.told[0]


def test_a_call_that_takes_too_long_is_answered_on_the_same_turn() -> None:
    model = Model(1024, 64)
    call = tuner(model, None, widest=512).ask(None)
    assert call.arguments["width"] == 64
    assert "it takes too long: propose a quicker call" in model.told[1]


def test_a_model_that_proposes_nothing_quicker_gives_up_before_it_has_cost_much() -> None:
    model = Model(*[1024] * 6)
    with pytest.raises(NoProposal, match="it takes too long"):
        tuner(model, None, widest=512).ask(None)
    assert len(model.told) == 3
