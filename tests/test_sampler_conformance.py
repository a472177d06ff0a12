"""Optuna's published tests for samplers, with a model that answers by the tool it is given."""

import json
import random
from collections.abc import Callable

import pytest
from optuna.samplers import BaseSampler
from optuna.testing import pytest_samplers
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from codegen_hpo import LLMSampler
from codegen_hpo.llm.messages import Reply, Request, ToolCall, Usage
from codegen_hpo.testing.brain import draw_arguments

# the scripted model repeats itself in small spaces, and its turn is then taken with a warning
pytestmark = pytest.mark.filterwarnings(
    "ignore::optuna.exceptions.ExperimentalWarning", "ignore:random takes this trial"
)

# the cases that do not apply, by name
LEFT_OUT = {
    "MultiObjectiveSamplerTestCase": "the sampler is for one objective; SingleOnlySamplerTestCase covers it"
}


def answer(request: Request) -> Reply:
    """Random arguments that the tool allows: the same request, the same answer."""
    (tool,) = request.tools
    generator = random.Random(repr(request))
    arguments = json.dumps(draw_arguments(tool.parameters, generator))
    return Reply(
        text="",
        call=ToolCall(tool.name, arguments),
        finish="tool_calls",
        usage=Usage(1, 1),
        model="scripted",
        seconds=0.0,
    )


class Scripted:
    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: LLMSampler(ask=answer, seed=0)


class TestBasic(Scripted, BasicSamplerTestCase):
    pass


class TestRelative(Scripted, RelativeSamplerTestCase):
    pass


class TestSingleObjective(Scripted, SingleOnlySamplerTestCase):
    pass


def test_every_published_case_is_run_or_left_out_by_name() -> None:
    published = {
        name for name in vars(pytest_samplers) if name.endswith("SamplerTestCase") and name[0] != "_"
    }
    run = {case.__bases__[1].__name__ for case in (TestBasic, TestRelative, TestSingleObjective)}
    assert published == run | set(LEFT_OUT)
