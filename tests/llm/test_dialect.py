"""What the client learns from refusals, and that it learns it once."""

import json

import pytest

from codegen_hpo.errors import EndpointError
from codegen_hpo.llm.dialect import Dialect
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.faults import Refusal
from codegen_hpo.llm.messages import Message, Request, Tool, ToolCall
from codegen_hpo.llm.schema import strict_object
from codegen_hpo.testing import ScriptedServer, replies
from codegen_hpo.testing.brain import drawing_brain


def refused(server: ScriptedServer) -> list[set[str]]:
    """The names of the parameters in each request."""
    return [set(request.body) for request in server.requests]


def test_a_reasoning_models_refusals_are_learnt_and_not_provoked_again(bench, ask_call):
    with ScriptedServer(drawing_brain(""), accent="openai", strict=True) as server:
        client = bench.client(server, temperature=0.2, max_tokens=500)
        replied = [client.ask(ask_call) for _ in range(2)]
    assert all(reply.call and reply.attempts == 1 for reply in replied)
    assert len(server.requests) == 4, "two refusals, and then a clean request for each reply"
    assert server.requests[-1].body["max_completion_tokens"] == 500
    assert "temperature" not in server.requests[-1].body
    assert bench.lessons == [
        "max_tokens is refused: max_completion_tokens is sent",
        "temperature is refused and no longer sent",
    ]
    assert bench.time.slept == []


def test_refusals_without_a_named_parameter_are_read_from_their_words(bench, ask_call):
    with ScriptedServer(drawing_brain(""), accent="azure") as server:
        reply = bench.client(server).ask(ask_call)
    assert reply.call
    assert not {"stream_options", "parallel_tool_calls"} & refused(server)[-1]
    assert "strict" not in server.requests[-1].body["tools"][0]["function"]
    assert reply.usage.estimated is bench.stream, "without stream_options a stream brings no usage"


@pytest.mark.parametrize("accent", ["ollama", "llamacpp"])
def test_a_model_without_function_calling_sees_the_schema_in_its_prompt(bench, ask_call, accent):
    with ScriptedServer(drawing_brain(""), accent=accent) as server:
        client = bench.client(server)
        reply = client.ask(ask_call)
        client.ask(ask_call)
    assert len(server.requests) == 3
    assert client.dialect.tools_as_text
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & refused(server)[-1]
    prompt = server.requests[-1].body["messages"][-1]["content"]
    assert '"maximum": 512' in prompt
    assert "make_model_and_optimizer" in prompt
    arguments = json.loads(reply.text.removeprefix("```json\n").partition("```")[0])
    assert set(arguments) == {"width", "activation"}


def test_a_forced_call_that_is_labelled_as_an_ordinary_end_is_a_call(bench, ask_call):
    with ScriptedServer(drawing_brain(""), accent="vllm") as server:
        reply = bench.client(server).ask(ask_call)
    assert (len(server.requests), reply.finish) == (1, "tool_calls")


def test_the_choice_of_a_tool_is_weakened_step_by_step(bench, ask_call):
    no = replies.fault(400, "Unsupported value for tool_choice", param="tool_choice")
    with ScriptedServer([no, no, no, replies.call(width=8)]) as server:
        assert bench.client(server).ask(ask_call).call
    sent = [request.body.get("tool_choice") for request in server.requests]
    assert [choice if not isinstance(choice, dict) else "named" for choice in sent] == [
        "named",
        "required",
        "auto",
        None,
    ]


def test_a_server_without_a_tool_parser_is_asked_in_text(bench, ask_call):
    message = 'tool_choice="named" requires --enable-auto-tool-choice and --tool-call-parser to be set'
    with ScriptedServer([replies.fault(400, message), replies.text("{}")]) as server:
        client = bench.client(server)
        client.ask(ask_call)
    assert client.dialect.tools_as_text
    assert len(server.requests) == 2


def test_a_validation_error_of_a_proxy_names_the_field_by_its_place(bench, ask_call):
    detail = [
        {
            "loc": ["body", "parallel_tool_calls"],
            "msg": "Extra inputs are not permitted",
            "type": "extra_forbidden",
        }
    ]
    with ScriptedServer([replies.fault(422, body={"detail": detail}), replies.call(width=8)]) as server:
        assert bench.client(server).ask(ask_call).call
    assert bench.lessons == ["parallel_tool_calls is refused and no longer sent"]


def test_a_server_that_refuses_streams_is_asked_for_the_whole(ask_code, bench):
    no = replies.fault(400, "Streaming is not supported by this deployment", param="stream")
    with ScriptedServer([no, replies.text("a"), replies.text("b")]) as server:
        client = bench.client(server)
        if not bench.stream:
            with pytest.raises(EndpointError):  # nothing was sent that the refusal could be about
                client.ask(ask_code)
            return
        assert [client.ask(ask_code).text for _ in range(2)] == ["a", "b"]
    assert "stream" not in refused(server)[-1]
    assert "stream_options" not in refused(server)[-1]


def test_a_template_without_a_system_role_gets_its_text_in_front(bench, ask_code):
    with ScriptedServer([replies.fault(400, "System role not supported"), replies.text("a")]) as server:
        bench.client(server).ask(ask_code)
    assert server.requests[-1].body["messages"] == [
        {"role": "user", "content": "You write functions.\n\nWrite one, please."}
    ]


def test_a_server_that_refuses_without_end_is_given_up(bench, ask_call):
    no = replies.fault(
        400, "unsupported: tools tool_choice strict parallel_tool_calls stream stream_options system"
    )
    with ScriptedServer([no] * 30) as server, pytest.raises(EndpointError, match="HTTP 400"):
        bench.client(server, temperature=0.5, max_tokens=9).ask(ask_call)
    assert len(server.requests) <= 12
    assert bench.time.slept == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "max_tokens is too large: 90000. This model supports at most 4096 completion tokens"),
        (400, "This model's maximum context length is 8192 tokens, however you requested 9000 tokens"),
        (400, "Unsupported value: 'max_tokens' may be at most 4096"),
        (400, "temperature must be between 0 and 2"),
        (400, "something else entirely is unsupported"),
        (500, "unexpected error in stream"),
        (429, "tools are not supported at this rate"),
    ],
)
def test_what_is_no_refusal_of_a_feature_teaches_nothing(status, message):
    dialect = Dialect(Endpoint(base_url="http://x/v1", model="m", temperature=3.0, max_tokens=90000))
    sent = dialect.write(Request(purpose="author", messages=(Message("user", "u"),)))
    assert dialect.learn(Refusal(status, "", "", message), sent) is None
    assert dialect.lessons == []


def test_a_lesson_about_what_was_not_sent_is_no_lesson():
    dialect = Dialect(Endpoint(base_url="http://x/v1", model="m"))
    sent = dialect.write(Request(purpose="author", messages=(Message("user", "u"),)))
    assert dialect.learn(Refusal(400, "unsupported_parameter", "temperature", "unsupported"), sent) is None


@pytest.fixture
def ask_either(ask_call):
    (tool,) = ask_call.tools
    other = Tool(name="give_up", description="Ends the search.", parameters=strict_object({}))
    return Request(purpose="execute", messages=ask_call.messages, tools=(tool, other))


def test_of_two_functions_one_must_be_called_and_either_may(bench, ask_either):
    with ScriptedServer([replies.call({}, name="give_up"), replies.call(width=8)], strict=True) as server:
        client = bench.client(server)
        assert [client.ask(ask_either).call.name for _ in range(2)] == ["give_up", "make_model_and_optimizer"]
    body = server.requests[0].body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["make_model_and_optimizer", "give_up"]
    assert all(tool["function"]["strict"] for tool in body["tools"])
    assert body["tool_choice"] == "required"


def test_the_choice_among_two_functions_is_weakened_step_by_step(bench, ask_either, ask_call):
    no = replies.fault(400, "Unsupported value for tool_choice", param="tool_choice")
    with ScriptedServer([no, no, replies.call(width=8), replies.call(width=8)]) as server:
        client = bench.client(server)
        assert client.ask(ask_either).call
        assert client.ask(ask_call).call
    assert [request.body.get("tool_choice") for request in server.requests] == [
        "required",
        "auto",
        None,
        None,
    ]
    assert bench.lessons == ["tool_choice is refused: 'auto' is sent", "tool_choice is refused: none is sent"]


def test_strictness_that_is_refused_is_given_up_for_every_function(bench, ask_either):
    with ScriptedServer(drawing_brain(""), accent="azure") as server:
        assert bench.client(server).ask(ask_either).call
    assert not any("strict" in tool["function"] for tool in server.requests[-1].body["tools"])


def test_a_model_without_function_calling_is_shown_every_function(bench, ask_either):
    brain = [replies.text('{"function": "give_up", "arguments": {}}')]
    with ScriptedServer(brain, accent="ollama") as server:
        reply = bench.client(server).ask(ask_either)
    assert reply.text == '{"function": "give_up", "arguments": {}}'
    prompt = server.requests[-1].body["messages"][-1]["content"]
    assert '{"function": "its name", "arguments": {its arguments by name}}' in prompt
    assert "The function `make_model_and_optimizer`: Builds a model." in prompt
    assert "The function `give_up`: Ends the search." in prompt
    assert prompt.count("JSON schema of the arguments of `") == 2
    assert '"maximum": 512' in prompt


def test_a_tagged_call_of_one_of_two_functions_is_read(bench, ask_either):
    tagged = '<tool_call>\n{"name": "give_up", "arguments": {}}\n</tool_call>'
    with ScriptedServer([replies.text(tagged)]) as server:
        reply = bench.client(server).ask(ask_either)
    assert (reply.call, reply.finish) == (ToolCall("give_up", "{}"), "tool_calls")
