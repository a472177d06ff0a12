"""The scripted server itself, by plain HTTP: what its users rely on."""

import http.client
import json
import re
import time

import pytest

from codegen_hpo.testing import ScriptedServer, replies


def post(server, body, path="/v1/chat/completions", headers=None):
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(server.base_url.split(":")[2].split("/")[0]), timeout=5
    )
    content = body if isinstance(body, str) else json.dumps(body)
    connection.request(
        "POST", path, content, {"Authorization": "Bearer sk-1", "X-Mine": "1", **(headers or {})}
    )
    response = connection.getresponse()
    return response.status, response.read().decode()


ASK = {"model": "m", "messages": [{"role": "user", "content": "one two three"}]}


def chunks(text):
    events = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert events[-1] == "[DONE]"
    return [json.loads(event) for event in events[:-1]]


def test_replies_come_in_order_and_requests_are_kept_without_the_key():
    with ScriptedServer([replies.text("a"), replies.text("b")]) as server:
        texts = [json.loads(post(server, ASK)[1])["choices"][0]["message"]["content"] for _ in range(2)]
        assert server.left == 0
    assert texts == ["a", "b"]
    assert server.requests[0].body == ASK
    assert server.requests[0].headers["x-mine"] == "1"
    assert "sk-1" not in repr(server.requests)


def test_a_stream_adds_up_to_the_whole():
    reply = replies.call(width=64, text="A thought beside the call that is longer than one event.")
    with ScriptedServer([reply, reply]) as server:
        whole = json.loads(post(server, ASK)[1])
        stream = chunks(post(server, ASK | {"stream": True, "stream_options": {"include_usage": True}})[1])
    deltas = [part["choices"][0]["delta"] for part in stream if part["choices"]]
    message = whole["choices"][0]["message"]
    assert "".join(delta.get("content", "") for delta in deltas) == message["content"]
    calls = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
    assert "".join(call["arguments"] for call in calls) == message["tool_calls"][0]["function"]["arguments"]
    assert stream[-1]["usage"] == whole["usage"]
    assert whole["usage"]["prompt_tokens"] == 3
    assert stream[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_brings_usage_only_when_asked():
    with ScriptedServer([replies.text("a")]) as server:
        assert not any("usage" in part for part in chunks(post(server, ASK | {"stream": True})[1]))


def test_a_function_answers_from_the_request():
    with ScriptedServer(lambda body: replies.text(body["messages"][0]["content"].upper())) as server:
        assert "ONE TWO THREE" in post(server, ASK)[1]
        assert server.left is None


def test_functions_and_replies_can_be_mixed():
    with ScriptedServer([replies.text("a"), lambda body: replies.text(body["model"] * 3)]) as server:
        assert ["a" in post(server, ASK)[1], "mmm" in post(server, ASK)[1]] == [True, True]


def test_a_script_that_has_run_out_says_so():
    with ScriptedServer([replies.text("a")]) as server:
        post(server, ASK)
        status, text = post(server, ASK)
    assert status == 500
    assert "has run out: it held 1 replies" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 1}, "Unrecognized request argument supplied: n"),
        ({"model": ""}, "model parameter"),
        ({"messages": []}, "not empty"),
        ({"messages": [{"role": "robot", "content": ""}]}, "robot"),
        ({"messages": [{"role": "user", "content": None}]}, "must be a string"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "a"}]}, "must answer a call"),
        ({"stream_options": {}}, "only allowed when stream"),
        ({"tool_choice": "auto"}, "only allowed when 'tools'"),
    ],
)
def test_strict_refuses_what_is_not_documented_and_keeps_the_script(change, words):
    with ScriptedServer([replies.text("a")], strict=True) as server:
        status, text = post(server, ASK | change)
        assert (status, server.left) == (400, 1)
    assert re.search(words, text)


def test_strict_takes_a_tool_message_that_answers_a_call():
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "x", "tool_call_id": "a"},
    ]
    with ScriptedServer([replies.text("a")], strict=True) as server:
        assert post(server, {"model": "m", "messages": messages})[0] == 200


def test_a_loose_schema_is_refused_by_the_openai_accent():
    function = {
        "name": "f",
        "strict": True,
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
    }
    with ScriptedServer([replies.text("a")], accent="openai") as server:
        status, text = post(server, ASK | {"tools": [{"type": "function", "function": function}]})
    assert status == 400
    assert "Invalid schema for function 'f'" in text


def test_another_key_is_refused():
    with ScriptedServer([replies.text("a")], api_key="sk-2") as server:
        assert post(server, ASK)[0] == 401
        assert post(server, ASK, headers={"Authorization": "Bearer sk-2"})[0] == 200


def test_other_paths_and_bodies_are_refused():
    with ScriptedServer([replies.text("a")]) as server:
        assert post(server, ASK, path="/v1/embeddings")[0] == 404
        assert post(server, "{")[0] == 400


@pytest.mark.parametrize("stream", [True, False])
def test_a_dropped_connection_is_seen_as_such(stream):
    with (
        ScriptedServer([replies.drop(replies.text("a" * 100))]) as server,
        pytest.raises(http.client.IncompleteRead),
    ):
        post(server, ASK | {"stream": stream})


def test_leaving_the_block_ends_a_hung_reply():
    with ScriptedServer([replies.hang()]) as server:
        connection = http.client.HTTPConnection(server.base_url.split("/")[2], timeout=5)
        connection.request("POST", "/v1/chat/completions", json.dumps(ASK))
        while not server.requests:
            time.sleep(0.005)
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()


def test_code_is_one_fenced_block():
    text = replies.code("x = 1\n").text
    assert text.endswith("```python\nx = 1\n```\n")


def test_a_truncated_call_keeps_its_beginning():
    reply = replies.truncated(replies.call('{"width": 64}'), label="tool_calls")
    assert (reply.calls[0][1], reply.finish) == ('{"widt', "tool_calls")


def test_the_doubles_are_loaded_when_they_are_asked_for():
    import codegen_hpo.testing as testing

    names = ["LocalSearch", "ScriptAgent", "ScriptedAuthor", "ScriptedSandbox", "ScriptedServer"]
    assert dir(testing) == names
    assert all(getattr(testing, name).__name__ == name for name in dir(testing))
    with pytest.raises(AttributeError, match="ScriptedTuner"):
        _ = testing.ScriptedTuner
