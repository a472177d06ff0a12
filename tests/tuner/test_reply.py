import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.llm.messages import Reply, ToolCall, Usage
from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.tuner.reply import Proposal, read_reply

SPACE = Space(
    {
        "width": Int(32, 1024, default=256),
        "rate": Float(0.0, 1.0, default=0.5),
        "act": Choice(("a", "b")),
    }
)
GOOD = {"width": 64, "rate": 0.25, "act": "b"}


def read(text: str = "", call: ToolCall | None = None, finish: str = "stop", reasoning: str = "") -> Proposal:
    usage = Usage(1, 1)
    reply = Reply(
        text=text, call=call, finish=finish, usage=usage, model="m", seconds=0.0, reasoning=reasoning
    )
    return read_reply(reply, SPACE, "make")


def called(arguments: str, name: str = "make", **more: str) -> Proposal:
    return read(call=ToolCall(name, arguments), **more)  # type: ignore[arg-type]


def test_a_good_call_gives_complete_arguments() -> None:
    assert called(json.dumps(GOOD)).arguments == GOOD
    assert called('{"width": 64.0}').arguments == {"width": 64, "rate": 0.5, "act": "a"}
    assert called(json.dumps(GOOD), name="functions.make").arguments == GOOD


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ("width=64", "not JSON"),
        ("{'width': 64}", "not JSON"),
        ('{"width": 64', "not JSON"),
        ("", "not JSON"),
        ("[64]", "expected a JSON object"),
        ("null", "expected a JSON object"),
        ('{"depth": 3}', "depth: unknown argument; known: width, rate, act"),
        ('{"width": "wide"}', "width: "),
        ('{"width": true}', "not a boolean"),
        ('{"width": 2048}', "less than or equal to 1024 (got 2048)"),
        ('{"rate": NaN}', "rate: "),
        ('{"act": "c"}', "act: "),
        ("[" * 100_000, "not JSON"),
        ('{"width": ' + "9" * 5_000 + "}", "not JSON"),
    ],
)
def test_a_bad_call_is_quoted_with_what_is_wrong(sent: str, complaint: str) -> None:
    found = called(sent)
    assert found.arguments is None
    assert any(complaint in said for said in found.complaints), found.complaints
    assert found.quoted == sent


def test_every_wrong_argument_is_named_at_once() -> None:
    assert len(called('{"width": 1, "rate": 2, "depth": 3}').complaints) == 3


def test_another_function_is_refused() -> None:
    found = called(json.dumps(GOOD), name="train")
    assert found.complaints == ("unknown function 'train': the only one is make",)


@pytest.mark.parametrize("finish", ["length", "cut"])
def test_a_reply_that_was_cut_off_is_not_used(finish: str) -> None:
    assert called('{"width": 64', finish=finish).arguments is None
    assert "cut off" in called(json.dumps(GOOD), finish=finish).complaints[0]
    assert "cut off" in read("I think", finish=finish).complaints[0]


@pytest.mark.parametrize("finish", ["refusal", "content_filter"])
def test_a_refusal_is_a_complaint(finish: str) -> None:
    assert "refused or withheld" in read("No.", finish=finish).complaints[0]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        f"I would try this:\n```json\n{json.dumps(GOOD, indent=2)}\n```\nIt is wider.",
        f'{{"name": "make", "arguments": {json.dumps(GOOD)}}}',
        json.dumps({"name": "make", "arguments": json.dumps(GOOD)}),
        f'<tool_call>{{"name": "make", "parameters": {json.dumps(GOOD)}}}</tool_call>',
        json.dumps({"type": "function", "function": {"name": "make", "arguments": json.dumps(GOOD)}}),
        json.dumps({"make": GOOD}),
        f'Not {{this}} nor {{"width": 99}} but {json.dumps(GOOD)}',
    ],
)
def test_without_a_call_the_last_object_in_the_text_is_read(text: str) -> None:
    assert read(text).arguments == GOOD


@pytest.mark.parametrize("text", ["", "Wider is better.", "{}", '{"a": 1}', "[1, 2]", "{{{{"])
def test_without_call_and_object_a_call_is_asked_for(text: str) -> None:
    found = read(text)
    assert found.arguments is None
    assert "no call of make was made" in found.complaints[0]


def test_thoughts_are_taken_from_the_argument_then_the_text_then_the_field() -> None:
    sent = json.dumps({"analysis": "wider helps", **GOOD})
    assert called(sent, text="Hm.").thoughts == "wider helps"
    assert called(sent).arguments == GOOD
    assert called(json.dumps(GOOD), text="Hm.").thoughts == "Hm."
    assert called(json.dumps(GOOD), reasoning="Deep.").thoughts == "Deep."
    assert read(f"Wider helps.\n```json\n{json.dumps(GOOD)}\n```").thoughts.strip() == "Wider helps."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["width", "rate", "act", "arguments", "make", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(json_values.map(json.dumps) | st.text(max_size=200))
def test_any_arguments_are_in_range_or_refused(sent: str) -> None:
    for found in (called(sent), read(sent), read(f"```json\n{sent}\n```")):
        if found.arguments is None:
            assert found.complaints
        else:
            assert set(found.arguments) == set(SPACE)
            assert SPACE.check(found.arguments).complaints == ()


@pytest.mark.parametrize("text", ["{" * 1_000_000, '{"a":' * 100_000, '{"a": 1} ' * 100_000])
def test_a_huge_text_is_read_in_bounded_time(text: str) -> None:
    before = time.process_time()
    assert read(text).arguments is None
    assert time.process_time() - before < 5


def test_where_an_object_is_asked_for_none_is_complained_of_and_any_call_is_taken() -> None:
    def asked(text: str, call: ToolCall | None = None) -> Proposal:
        reply = Reply(text=text, call=call, finish="stop", usage=Usage(1, 1), model="m", seconds=0.0)
        return read_reply(reply, SPACE, "")

    assert asked("Wider.").complaints == (
        "no JSON object of the arguments was found: answer with one, and nothing else",
    )
    assert asked(json.dumps(GOOD)).arguments == GOOD
    assert asked(json.dumps({"arguments": GOOD})).arguments == GOOD
    assert asked("", ToolCall("whatever", json.dumps(GOOD))).arguments == GOOD
