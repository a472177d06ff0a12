"""Odd bodies: read what can be read, fail at nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.llm.reading import Draft, breaks_off, estimated_tokens, split_thinking

NAMES = [
    "choices",
    "message",
    "delta",
    "content",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "index",
    "id",
]
NAMES += [
    "usage",
    "prompt_tokens",
    "completion_tokens",
    "finish_reason",
    "refusal",
    "reasoning",
    "text",
    "model",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "model"]), json_values), max_size=3))
def test_no_body_is_too_odd(parts):
    draft = Draft()
    for part in parts:
        draft.add(part)
    answer = draft.answer(tool_asked=True)
    assert isinstance(answer.text, str)
    assert isinstance(answer.finish, str)


def read(message, finish="stop", *, tool_asked=True):
    draft = Draft()
    draft.add({"choices": [{"message": message, "finish_reason": finish}]})
    return draft.answer(tool_asked=tool_asked)


def test_content_in_parts_is_joined():
    assert read({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}).text == "ab"


def test_arguments_sent_as_an_object_become_text():
    answer = read({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]})
    assert answer.call == ("f", '{"a": 1}')


def test_the_old_form_of_a_call_is_read():
    assert read({"function_call": {"name": "f", "arguments": "{}"}}, "function_call").call == ("f", "{}")


def test_calls_of_a_stream_that_share_an_index_are_kept_apart_by_their_ids():
    draft = Draft()
    for identity, arguments in (("a", '{"x": 1}'), ("b", '{"x": 2}')):
        call = {"index": 0, "id": identity, "function": {"name": "f", "arguments": arguments}}
        draft.add({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": None}]})
    assert draft.answer(tool_asked=True).call == ("f", '{"x": 1}')


def test_a_call_that_the_server_left_in_the_text_is_found():
    text = 'Sure.\n<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    assert read({"content": text}).call == ("f", '{"a": 1}')
    assert read({"content": text}, tool_asked=False).call is None
    two = text + '\n<tool_call>\n{"name": "g", "arguments": {}}\n</tool_call>'
    assert read({"content": two}).call == ("f", '{"a": 1}')


def test_a_reply_without_end_is_broken_off():
    draft = Draft()
    while not draft.full:
        draft.add({"choices": [{"delta": {"content": "x" * 100_000}}]})
    assert draft.answer(tool_asked=False).finish == "length"


@pytest.mark.parametrize(
    ("text", "thought", "rest"),
    [
        ("plain", "", "plain"),
        ("<think>a</think>b", "a", "b"),
        ("\n <think>\na\n</think>\n\nb", "a", "b"),
        ("a\n</think>\n\nb", "a", "b"),
        ("<think>a never ends", "a never ends", ""),
        ('print("</think>")', "", 'print("</think>")'),
        ("see <think> below\n</think>\n", "", "see <think> below\n</think>\n"),
    ],
)
def test_a_leading_think_block_is_split_off(text, thought, rest):
    assert split_thinking(text) == (thought, rest)


@given(
    st.dictionaries(
        st.text(max_size=5), st.integers() | st.text(max_size=9) | st.lists(st.booleans()), min_size=1
    ),
    st.data(),
)
def test_every_beginning_of_an_object_breaks_off_and_no_whole_one_does(arguments, data):
    whole = json.dumps(arguments)
    assert not breaks_off(whole)
    assert breaks_off(whole[: data.draw(st.integers(1, len(whole) - 1))])


@pytest.mark.parametrize("text", ["", "prose", "{'a': 1}", "[1", '"{'])
def test_what_is_no_beginning_of_an_object_does_not_break_off(text):
    assert not breaks_off(text)


def test_four_characters_are_a_token():
    assert [estimated_tokens("x" * n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]
