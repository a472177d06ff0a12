"""The search space and what it refuses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.space import Choice, Float, Int, Scalar, Space, canonical

SPACE = Space(
    {
        "width": Int(8, 512, log=True, default=64),
        "rate": Float(1e-5, 1e-1, log=True, default=1e-3),
        "norm": Choice((False, True), default=True),
        "act": Choice(("relu", "silu"), default="silu"),
        "heads": Choice((1, 2, 4), default=2),
    }
)


def test_missing_arguments_take_their_defaults() -> None:
    assert SPACE.check({}).arguments == SPACE.defaults()


@pytest.mark.parametrize("value", [64, 64.0, "64"])
def test_whole_numbers_are_taken_in_every_form_that_models_send(value: object) -> None:
    arguments = SPACE.check({"width": value}).arguments
    assert arguments is not None
    assert arguments["width"] == 64
    assert type(arguments["width"]) is int


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 64.5),
        ("width", True),
        ("width", 4096),
        ("width", None),
        ("rate", float("nan")),
        ("rate", float("inf")),
        ("rate", "fast"),
        ("act", "tanh"),
        ("heads", True),
        ("heads", 3),
        ("depth", 2),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: object) -> None:
    checked = SPACE.check({name: value})
    assert checked.arguments is None
    assert checked.complaints[0].startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("options", "value"),
    [((True,), False), ((False,), 0), ((True, 2, "2"), 1), ((False, 2), 0), ((1, "a"), True)],
)
def test_a_boolean_and_a_number_are_never_taken_for_each_other(
    options: tuple[Scalar, ...], value: Scalar
) -> None:
    space = Space({"a": Choice(options)})
    assert space.check({"a": value}).arguments is None
    for option in options:
        arguments = space.check({"a": option}).arguments
        assert arguments is not None
        assert (arguments["a"], type(arguments["a"])) == (option, type(option))


@pytest.mark.parametrize("text", ["", "width=64", "[1]", "null", "{'width': 64}", "[" * 100_000])
def test_text_that_is_no_json_object_is_a_complaint(text: str) -> None:
    checked = SPACE.check(text)
    assert checked.arguments is None
    assert checked.complaints


def test_a_space_survives_json() -> None:
    again = Space.from_json(json.loads(json.dumps(SPACE.to_json())))
    assert dict(again) == dict(SPACE)


def test_corners_visit_both_ends_and_every_option_once() -> None:
    corners = SPACE.corners()
    assert corners[0] == SPACE.defaults()
    assert {corner["width"] for corner in corners} == {8, 64, 512}
    assert SPACE.defaults() | {"width": 512} in corners
    for name in ("norm", "act", "heads"):
        dimension = SPACE[name]
        assert isinstance(dimension, Choice)
        assert {corner[name] for corner in corners} == set(dimension.options)
    assert len({canonical(corner) for corner in corners}) == len(corners)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*SPACE, "other"]), _json, max_size=6) | _json)
def test_whatever_is_accepted_is_in_range(proposal: object) -> None:
    arguments = SPACE.check(proposal).arguments
    if arguments is None:
        return
    assert set(arguments) == set(SPACE)
    for name, value in arguments.items():
        assert _inside(name, value)


def _inside(name: str, value: Scalar) -> bool:
    dimension = SPACE[name]
    if isinstance(dimension, Choice):
        return any(value == option and type(value) is type(option) for option in dimension.options)
    return (
        type(value) is (int if isinstance(dimension, Int) else float)
        and dimension.low <= value <= dimension.high
    )
