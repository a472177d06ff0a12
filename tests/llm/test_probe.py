"""What `doctor` finds out about an endpoint, by a real call."""

import pytest

from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.probe import probe
from codegen_hpo.llm.retry import Patience
from codegen_hpo.testing import ScriptedServer, replies
from codegen_hpo.testing.brain import drawing_brain

QUICK = Patience(attempts=1, deadline_s=5)


def look(server, model="scripted"):
    found = probe(Endpoint(base_url=server.base_url, model=model), QUICK)
    return found, "\n".join(line.text for line in found.lines)


def test_a_good_endpoint_is_shown_to_call_a_function():
    with ScriptedServer(drawing_brain(""), strict=True) as server:
        found, text = look(server)
    assert found.ok
    assert all(line.ok for line in found.lines)
    assert "calls functions: make_layer(" in text
    assert "as the server counts" in text


@pytest.mark.parametrize(
    ("accent", "words"), [("azure", "learned: parallel_tool_calls"), ("ollama", "no function calling")]
)
def test_what_an_endpoint_does_not_know_is_told(accent, words):
    with ScriptedServer(drawing_brain(""), accent=accent) as server:
        found, text = look(server)
    assert found.ok
    assert words in text


def test_a_wrong_name_is_seen_in_the_list():
    with ScriptedServer([replies.fault(404, "no such model")], models=["alpha"]) as server:
        found, text = look(server)
    assert not found.ok
    assert "does not list scripted, but alpha" in text


def test_an_answer_without_a_call_is_not_ok():
    with ScriptedServer([replies.text("I would take 96.")], models=None) as server:
        found, text = look(server)
    assert found.ok, "code can still be written"
    assert "asked for a call and answered" in text
    assert not all(line.ok for line in found.lines)


def test_an_endpoint_that_is_not_there_is_a_line():
    with ScriptedServer() as server:
        gone = server.base_url
    found = probe(Endpoint(base_url=gone, model="m"), QUICK)
    assert not found.ok
    assert found.reply is None
    assert found.lines[-1].hint
