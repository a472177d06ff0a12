"""The client against every fault that a server was seen to make, through the real openai client."""

import json
import socket

import pytest

from codegen_hpo.errors import EndpointError
from codegen_hpo.llm.client import Client
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.retry import Patience
from codegen_hpo.testing import ScriptedServer, replies

GOOD = replies.code("x = 1")
CALL = replies.call(width=64, activation="relu")


def test_a_good_reply_takes_one_request_and_no_wait(bench, ask_code):
    with ScriptedServer([GOOD], strict=True) as server:
        reply = bench.client(server).ask(ask_code)
    assert "x = 1" in reply.text
    assert (reply.call, reply.finish, reply.attempts, reply.model) == (None, "stop", 1, "scripted")
    assert (reply.usage.prompt_tokens, reply.usage.estimated) == (6, False)
    assert (len(server.requests), bench.time.slept, bench.events) == (1, [], [])
    assert server.requests[0].headers["connection"] == "close", (
        "the deadline's watchdog sees new connections only"
    )


def test_a_call_is_asked_for_by_name_and_read(bench, ask_call):
    with ScriptedServer([CALL], strict=True) as server:
        reply = bench.client(server).ask(ask_call)
    assert reply.call.name == "make_model_and_optimizer"
    assert json.loads(reply.call.arguments) == {"width": 64, "activation": "relu"}
    assert reply.finish == "tool_calls"
    body = server.requests[0].body
    assert body["tool_choice"] == {"type": "function", "function": {"name": "make_model_and_optimizer"}}
    assert body["tools"][0]["function"]["strict"] is True
    assert body["parallel_tool_calls"] is False
    assert not {"temperature", "max_tokens", "max_completion_tokens"} & set(body), (
        "only what the user set is sent"
    )


PASSING = {
    "408": replies.fault(408),
    "409": replies.fault(409),
    "429": replies.fault(429, "slow down"),
    "500": replies.fault(500),
    "502 page": replies.html(502),
    "503": replies.fault(503),
    "529": replies.fault(529, "overloaded"),
    "html": replies.html(),
    "{}": replies.empty(),
    "no choices": replies.no_choices(),
    "invalid json": replies.invalid_json(),
    "cut": replies.cut(GOOD),
    "drop": replies.drop(GOOD),
    "error event": replies.error_event(),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_passing_fault_is_waited_out_visibly(bench, ask_code, fault):
    with ScriptedServer([fault, GOOD]) as server:
        reply = bench.client(server).ask(ask_code)
    assert "x = 1" in reply.text
    assert (len(server.requests), reply.attempts) == (2, 2)
    assert len(bench.time.slept) == 1
    assert 1 <= bench.time.slept[0] <= 2, "the first wait is a second, plus jitter"
    (wait,) = bench.waits
    assert (wait.attempt, wait.wait_s) == (1, bench.time.slept[0])
    assert wait.reason
    assert "\n" not in wait.reason


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_stays_ends_after_five_attempts(bench, ask_code, fault):
    with ScriptedServer([fault] * 5) as server, pytest.raises(EndpointError) as caught:
        bench.client(server).ask(ask_code)
    assert len(server.requests) == 5
    assert [round(s // 1) for s in bench.time.slept] == pytest.approx([1, 2, 4, 8], abs=1)
    assert len(bench.waits) == 4
    assert "after 5 attempts" in str(caught.value)
    assert server.base_url in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 4


FINAL = {
    "400": (replies.fault(400, "the prompt is too long"), "too long", "doctor"),
    "401": (replies.fault(401, "Incorrect API key provided."), "Incorrect API key", "OPENAI_API_KEY"),
    "403": (replies.fault(403, "no access to this model"), "no access", "OPENAI_API_KEY"),
    "404": (replies.fault(404, "The model does not exist"), "does not exist", "scripted"),
    "422": (replies.fault(422, body={"detail": "bad"}), "bad", "doctor"),
    "quota": (replies.quota(), "quota", "credit"),
}


@pytest.mark.parametrize(("fault", "words", "hint"), FINAL.values(), ids=FINAL.keys())
def test_a_fault_that_no_waiting_mends_ends_at_once(bench, ask_code, fault, words, hint):
    with ScriptedServer([fault]) as server, pytest.raises(EndpointError, match=words) as caught:
        bench.client(server, api_key="sk-secret").ask(ask_code)
    assert (len(server.requests), bench.time.slept, bench.waits) == (1, [], [])
    assert hint in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_wrong_model_name_is_answered_with_the_names_on_offer(bench, ask_code):
    fault = replies.fault(404, "The model `scripted` does not exist")
    with ScriptedServer([fault], models=["alpha", "beta"]) as server, pytest.raises(EndpointError) as caught:
        bench.client(server).ask(ask_code)
    assert "it offers alpha, beta" in caught.value.hint


@pytest.mark.parametrize(("header", "seconds"), [("0", 0.0), ("5", 5.0), ("60", 60.0), ("0.25", 0.25)])
def test_retry_after_is_kept_to(bench, ask_code, header, seconds):
    with ScriptedServer([replies.fault(429, headers={"Retry-After": header}), GOOD]) as server:
        bench.client(server).ask(ask_code)
    assert bench.time.slept == [seconds]
    assert [event.wait_s for event in bench.waits] == [seconds]


@pytest.mark.parametrize("header", ["120", "300"])
def test_a_wait_beyond_the_cap_is_refused_and_named(bench, ask_code, header):
    limited = replies.fault(429, "slow down", headers={"Retry-After": header})
    with (
        ScriptedServer([limited]) as server,
        pytest.raises(EndpointError, match=f"wait {header} s, more than the 60 s"),
    ):
        bench.client(server).ask(ask_code)
    assert (len(server.requests), bench.time.slept) == (1, [])


def test_a_wait_that_would_pass_the_deadline_is_not_begun(bench, ask_code):
    limited = replies.fault(503, headers={"Retry-After": "50"})
    with ScriptedServer([limited] * 5) as server, pytest.raises(EndpointError, match="deadline of 120 s"):
        bench.client(server, patience=Patience(deadline_s=120)).ask(ask_code)
    assert (len(server.requests), bench.time.slept) == (3, [50.0, 50.0])


SLOW = {
    "hang": replies.hang(),
    "trickle": replies.trickle(replies.text("word " * 200)),
    "endless header": replies.trickle(GOOD, headers=True),
}


@pytest.mark.parametrize("reply", SLOW.values(), ids=SLOW.keys())
def test_the_deadline_holds_whatever_trickles(bench, ask_code, reply):
    with (
        ScriptedServer([reply]) as server,
        pytest.raises(EndpointError, match=r"0\.4 s are allowed") as caught,
    ):
        Client(
            Endpoint(base_url=server.base_url, model="scripted"),
            stream=bench.stream,
            patience=Patience(deadline_s=0.4),
        ).ask(ask_code)
    assert len(server.requests) == 1
    assert "slow" in caught.value.hint


def test_a_server_that_is_not_there_is_named_with_its_url(bench, ask_code):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = Client(
        Endpoint(base_url=f"http://user:hunter2@127.0.0.1:{port}/v1", model="m"),
        clock=bench.time.clock,
        sleep=bench.time.sleep,
        on_event=bench.events.append,
        stream=bench.stream,
    )
    with pytest.raises(EndpointError, match=f"http://127.0.0.1:{port}/v1: no connection") as caught:
        client.ask(ask_code)
    assert len(bench.waits) == 4
    assert "is the server running" in caught.value.hint
    assert "hunter2" not in f"{caught.value}{caught.value.hint}{bench.events}"


def test_the_key_is_in_no_message_event_or_repr(bench, ask_code):
    key = "sk-very-secret-0123456789"
    leaks = [
        replies.fault(500, f"upstream said no to {key}"),
        replies.fault(401, f"Incorrect API key: {key}"),
    ]
    with ScriptedServer(leaks) as server, pytest.raises(EndpointError) as caught:
        bench.client(server, api_key=key).ask(ask_code)
    assert "[key]" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__, "a printed chain would show the server's own words"
    told = [caught.value, caught.value.hint, bench.events, Endpoint(base_url="x", model="m", api_key=key)]
    assert key not in repr(told)
    assert key not in str(caught.value)
    assert key not in repr(server.requests)


@pytest.mark.parametrize("bench", [True], indirect=True)
def test_a_stream_that_keeps_breaking_off_is_no_longer_asked_for(ask_code, bench):
    with ScriptedServer([replies.cut(GOOD), replies.cut(GOOD), GOOD, GOOD]) as server:
        client = bench.client(server)
        reply = client.ask(ask_code)
        client.ask(ask_code)
    assert (reply.finish, reply.attempts) == ("stop", 3)
    assert [bool(request.body.get("stream")) for request in server.requests] == [True, True, False, False]
    assert bench.lessons == ["streams break off: whole replies are asked for"]


def test_a_server_that_ignores_the_wish_for_a_stream_is_understood(ask_code, bench):
    body = {"model": "m", "choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}
    with ScriptedServer([replies.Scripted(body=json.dumps(body).encode())]) as server:
        assert bench.client(server).ask(ask_code).text == "whole"


def test_a_refusal_is_a_value(bench, ask_code):
    with ScriptedServer([replies.refusal("I would rather not.")]) as server:
        reply = bench.client(server).ask(ask_code)
    assert (reply.text, reply.finish) == ("I would rather not.", "refusal")


def test_a_content_filter_is_a_value(bench, ask_code):
    with ScriptedServer([replies.content_filter("Half")]) as server:
        reply = bench.client(server).ask(ask_code)
    assert (reply.text, reply.finish) == ("Half", "content_filter")


def test_a_prompt_that_the_filter_refuses_is_a_value(bench, ask_code):
    filtered = replies.fault(400, "The prompt triggered the content policy.", code="content_filter")
    with ScriptedServer([filtered]) as server:
        reply = bench.client(server).ask(ask_code)
    assert (reply.finish, len(server.requests)) == ("content_filter", 1)


def test_a_call_that_the_server_could_not_read_comes_back_as_text(bench, ask_call):
    error = {
        "error": {"message": "bad call", "code": "tool_use_failed", "failed_generation": '{"width": "big"'}
    }
    with ScriptedServer([replies.fault(400, body=error)]) as server:
        reply = bench.client(server).ask(ask_call)
    assert (reply.text, reply.call) == ('{"width": "big"', None)


def test_truncated_code_says_so(bench, ask_code):
    with ScriptedServer([replies.truncated(GOOD)]) as server:
        assert bench.client(server).ask(ask_code).finish == "length"


@pytest.mark.parametrize("label", ["length", "tool_calls", "stop"])
def test_a_truncated_call_is_length_however_it_is_labelled(bench, ask_call, label):
    with ScriptedServer([replies.truncated(CALL, label=label)]) as server:
        reply = bench.client(server).ask(ask_call)
    assert reply.finish == "length"
    assert reply.call.arguments.startswith('{"width"'), "what there is of the arguments is kept to be quoted"


@pytest.mark.parametrize(
    "arguments",
    [
        "width is 64",
        "{'width': 64}",
        '{"width": NaN}',
        '{"width": 1, "depth": 2}',
        "[]",
        '{"a": "' + "x" * 1_000_000 + '"}',
    ],
    ids=["prose", "single quotes", "nan", "extra key", "list", "1 MB"],
)
def test_arguments_are_handed_on_unchecked(bench, ask_call, arguments):
    with ScriptedServer([replies.call(arguments)]) as server:
        reply = bench.client(server).ask(ask_call)
    assert reply.call.arguments == arguments
    assert reply.finish == "tool_calls"


def test_the_first_of_several_calls_is_taken(bench, ask_call):
    with ScriptedServer([replies.calls({"width": 1}, {"width": 2})]) as server:
        reply = bench.client(server).ask(ask_call)
    assert json.loads(reply.call.arguments) == {"width": 1}


def test_a_call_of_another_function_keeps_its_name(bench, ask_call):
    with ScriptedServer([replies.call(width=1, name="launch")]) as server:
        assert bench.client(server).ask(ask_call).call.name == "launch"


def test_no_call_leaves_the_text(bench, ask_call):
    with ScriptedServer([replies.text('```json\n{"width": 64}\n```')]) as server:
        reply = bench.client(server).ask(ask_call)
    assert reply.call is None
    assert '"width": 64' in reply.text


def test_tokens_that_the_server_does_not_count_are_estimated(bench, ask_code):
    with ScriptedServer([replies.text("abcdefgh").with_(counts_tokens=False)]) as server:
        usage = bench.client(server).ask(ask_code).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (10, 2, True)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_in_a_field_of_their_own_are_kept_apart(bench, ask_code, field):
    with ScriptedServer([replies.reasoning("Hmm.", GOOD, field=field)]) as server:
        reply = bench.client(server).ask(ask_code)
    assert (reply.reasoning, "Hmm." in reply.text) == ("Hmm.", False)


def test_thoughts_in_the_text_are_kept_apart(bench, ask_code):
    with ScriptedServer([replies.text("<think>\nHmm.\n</think>\n\nAnswer")]) as server:
        reply = bench.client(server).ask(ask_code)
    assert (reply.reasoning, reply.text) == ("Hmm.", "Answer")


def test_the_waits_count_in_the_seconds_of_a_reply(bench, ask_code):
    with ScriptedServer([replies.fault(503, headers={"Retry-After": "7"}), GOOD]) as server:
        assert bench.client(server).ask(ask_code).seconds == 7.0


def test_a_lone_surrogate_in_a_prompt_is_sent_as_a_question_mark(bench, ask_code):
    from codegen_hpo.llm.messages import Message, Request

    with ScriptedServer([GOOD]) as server:
        bench.client(server).ask(Request(purpose="repair", messages=(Message("user", "a\ud800b"),)))
    assert server.requests[0].body["messages"][0]["content"] == "a?b"


def test_an_interrupt_is_not_swallowed(bench, ask_code):
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    bench.time.sleep = stop
    with ScriptedServer([replies.fault(503)]) as server, pytest.raises(KeyboardInterrupt):
        bench.client(server).ask(ask_code)


def test_the_script_that_runs_out_is_named(bench, ask_code):
    with ScriptedServer([]) as server, pytest.raises(EndpointError, match="has run out"):
        bench.client(server).ask(ask_code)
