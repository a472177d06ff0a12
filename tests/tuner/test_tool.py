import json

from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.tuner.tool import Words, form, schema_text, space_tool

SPACE = Space(
    {
        "width": Int(32, 1024, log=True, default=256, description="Units of a hidden layer"),
        "dropout": Float(0.0, 0.6, default=0.1, description="Share that is dropped."),
        "activation": Choice(("relu", "silu"), default="silu"),
        "residual": Choice((False, True), default=True, description="Whether blocks add."),
        "heads": Choice((1, 2, 4), default=2),
        "decay": Choice(("none", 0.5, 1), default="none"),
    }
)


def test_every_argument_is_a_required_property_and_no_other_is_allowed() -> None:
    schema = space_tool(SPACE, "make", "Makes.").parameters
    assert schema["required"] == list(schema["properties"]) == list(SPACE)
    assert schema["additionalProperties"] is False
    assert schema["type"] == "object"


def test_types_ranges_and_options_are_those_of_the_space() -> None:
    properties = space_tool(SPACE, "make", "Makes.").parameters["properties"]
    assert properties["width"] == {
        "type": "integer",
        "minimum": 32,
        "maximum": 1024,
        "description": "Units of a hidden layer. 32 to 1024, log scale; default 256.",
    }
    assert properties["dropout"]["type"] == "number"
    assert properties["activation"]["enum"] == ["relu", "silu"]
    assert properties["activation"]["type"] == "string"
    assert properties["residual"] == {"type": "boolean", "description": "Whether blocks add. Default true."}
    assert properties["heads"]["type"] == "integer"
    assert properties["decay"]["type"] == ["string", "number", "integer"]


def test_no_default_and_no_title_key_stands_anywhere_in_the_schema() -> None:
    text = json.dumps(space_tool(SPACE, "make", "Makes.").parameters)
    assert '"default"' not in text
    assert '"title"' not in text


def test_the_place_for_thoughts_comes_first_and_takes_no_name_of_the_space() -> None:
    space = Space({"analysis": Int(1, 2), **SPACE})
    tool = space_tool(space, "make", "Makes.", analysis=True)
    assert next(iter(tool.parameters["properties"])) == Words.beside(space).analysis == "analysis_"
    assert set(tool.parameters["properties"]) == {"analysis_", *space}


@given(st.text(max_size=2000))
def test_any_description_gives_one_line_of_bounded_length(description: str) -> None:
    tool = space_tool(Space({"x": Int(1, 3, default=2, description=description)}), "make", description)
    said = tool.parameters["properties"]["x"]["description"]
    assert len(said) < 400
    assert len(said.splitlines()) == 1
    assert said.endswith("1 to 3; default 2.")
    assert len(tool.description) <= 1000


def test_the_form_shows_every_argument_with_its_kind() -> None:
    shown = form(space_tool(SPACE, "make", "Makes.", analysis=True))
    assert shown == (
        '{"analysis": "text", "width": integer, "dropout": number, "activation": option, '
        '"residual": boolean, "heads": option, "decay": option}'
    )


@given(st.text(max_size=200), st.text(max_size=50))
def test_the_schema_as_text_is_the_schema_and_ends_no_tag_and_no_fence(description: str, option: str) -> None:
    space = Space({"x": Int(1, 3, description=description), option: Choice((option, "b"))})
    tool = space_tool(space, "make", "Makes.")
    text = schema_text(tool)
    assert json.loads(text) == tool.parameters
    assert not set("<>`") & set(text)
    assert text.isascii()
