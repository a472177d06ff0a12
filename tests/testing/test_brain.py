"""Made-up replies that are valid for any schema we send."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.testing.brain import draw_arguments, drawing_brain
from codegen_hpo.tuner.tool import space_tool

names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
ints = st.tuples(st.integers(-1000, 1000), st.integers(1, 10**6)).map(lambda p: Int(p[0], p[0] + p[1]))
floats = st.tuples(st.floats(1e-8, 1.0), st.floats(1.001, 1e9)).map(
    lambda p: Float(p[0], p[0] * p[1], log=True)
)
choices = st.lists(st.text(max_size=4), min_size=1, max_size=4, unique=True).map(lambda o: Choice(tuple(o)))
flags = st.just(Choice((False, True)))
spaces = st.dictionaries(names, ints | floats | choices | flags, min_size=1, max_size=5).map(Space)


@given(spaces, st.integers(0, 99))
def test_drawn_arguments_are_valid_in_the_space_that_the_schema_describes(space, seed):
    tool = space_tool(space, "f", "d")
    assert space.check(draw_arguments(tool.parameters, random.Random(seed))).complaints == ()


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1, "maximum": 9}}}


def test_a_request_with_a_function_gets_a_call_and_another_the_source():
    brain = drawing_brain("x = 1")
    function = {"name": "f", "parameters": SCHEMA}
    ((name, arguments),) = brain({"tools": [{"function": function}]}).calls
    assert name == "f"
    assert 1 <= json.loads(arguments)["a"] <= 9
    assert "x = 1" in brain({"messages": [{"content": "Write a function."}]}).text


def test_the_same_seed_says_the_same():
    request = {"tools": [{"function": {"name": "f", "parameters": SCHEMA}}]}
    said = [
        [brain(request).calls for _ in range(5)] for brain in (drawing_brain("", 3), drawing_brain("", 3))
    ]
    assert said[0] == said[1]


def test_a_kind_of_value_that_is_not_known_is_named():
    with pytest.raises(ValueError, match="array"):
        draw_arguments({"properties": {"a": {"type": "array"}}}, random.Random(0))
