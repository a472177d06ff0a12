"""An exchange as JSON and back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.llm import cassette
from codegen_hpo.llm.messages import Message, Reply, Request, Tool, ToolCall, Usage

ASKED = Request(purpose="tune", messages=(Message("system", "s"), Message("user", "line  \nnext")))
replies = st.builds(
    Reply,
    text=st.text(),
    call=st.none() | st.builds(ToolCall, st.text(), st.text()),
    finish=st.sampled_from(["stop", "length", "tool_calls"]),
    usage=st.builds(Usage, st.integers(0), st.integers(0), st.booleans()),
    model=st.text(),
    seconds=st.floats(0, 1e6),
    reasoning=st.text(),
    attempts=st.integers(1, 9),
)


@given(replies)
def test_a_reply_comes_back_as_it_was(reply):
    assert cassette.reply_from_json(json.loads(json.dumps(cassette.to_json(ASKED, reply)))) == reply


@given(st.text(st.characters()))
def test_any_text_can_be_hashed(text):
    request = Request(purpose="repair", messages=(Message("user", text),))
    assert len(cassette.request_hash(request)) == 64


def test_white_space_at_line_ends_does_not_count_and_words_do():
    same = Request(purpose="tune", messages=(Message("system", "s "), Message("user", "line\r\nnext\n")))
    other = Request(purpose="tune", messages=(Message("system", "s"), Message("user", "line\nNext")))
    assert cassette.request_hash(same) == cassette.request_hash(ASKED)
    assert cassette.request_hash(other) != cassette.request_hash(ASKED)


def test_the_schema_of_a_tool_counts():
    def asked(high):
        tool = Tool(name="f", description="d", parameters={"properties": {"a": {"maximum": high}}})
        return Request(purpose="tune", messages=ASKED.messages, tools=(tool,))

    assert cassette.request_hash(asked(1)) != cassette.request_hash(asked(2))
    assert cassette.request_hash(asked(1)) == cassette.request_hash(asked(1))


def test_the_file_holds_what_was_asked():
    tool = Tool(name="f", description="d", parameters={"type": "object"})
    request = Request(purpose="tune", messages=ASKED.messages, tools=(tool,))
    reply = Reply(text="t", call=None, finish="stop", usage=Usage(1, 2), model="m", seconds=0.5)
    data = cassette.to_json(request, reply)
    assert data["request"]["messages"][0] == {"role": "system", "content": "s"}
    assert data["request"]["tool"]["parameters"] == {"type": "object"}
    assert data["request_hash"] == cassette.request_hash(request)


def test_several_tools_are_kept_and_count():
    def asked(*names):
        tools = tuple(Tool(name=name, description="d", parameters={"type": "object"}) for name in names)
        return Request(purpose="execute", messages=ASKED.messages, tools=tools)

    reply = Reply(text="t", call=None, finish="stop", usage=Usage(1, 2), model="m", seconds=0.5)
    data = cassette.to_json(asked("f", "g"), reply)
    assert [tool["name"] for tool in data["request"]["tools"]] == ["f", "g"]
    assert cassette.reply_from_json(data) == reply
    hashes = {cassette.request_hash(asked(*names)) for names in ((), ("f",), ("f", "g"), ("g", "f"))}
    assert len(hashes) == 4


def test_a_request_with_one_tool_keeps_the_hash_it_had_when_there_were_no_others():
    tool = Tool(name="f", description="d", parameters={"type": "object"})
    request = Request(purpose="tune", messages=(Message("user", "u"),), tools=(tool,))
    assert cassette.request_hash(request) == (
        "984f8aadea5d34979907040f0ead5357c48972827c4feccce5c405c77059df89"
    )
