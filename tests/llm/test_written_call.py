import json

import pytest

from codegen_hpo.llm.messages import ToolCall
from codegen_hpo.llm.written_call import json_objects, written_call

TWO = ("look", "finish")


@pytest.mark.parametrize(
    "text",
    [
        '{"function": "look", "arguments": {"at": "end"}}',
        'I look.\n```json\n{"name": "look", "arguments": {"at": "end"}}\n```',
        '{"tool": "look", "input": "{\\"at\\": \\"end\\"}"}',
        '{"action": "look", "action_input": {"at": "end"}}',
        '{"look": {"at": "end"}}',
        'First {"look": 1, "x": 2}, no: {"function": "look", "parameters": {"at": "end"}}',
    ],
)
def test_a_call_is_read_in_the_forms_in_which_models_write_one(text: str) -> None:
    call = written_call(text, TWO)
    assert call is not None
    assert (call.name, json.loads(call.arguments)) == ("look", {"at": "end"})


def test_the_last_call_counts() -> None:
    text = '{"function": "look", "arguments": {}} and then {"function": "finish", "arguments": {}}'
    assert written_call(text, TWO) == ToolCall("finish", "{}")


def test_a_function_without_arguments_needs_none() -> None:
    assert written_call('{"function": "look"}', TWO) == ToolCall("look", "{}")


def test_an_unknown_function_is_read_so_that_it_can_be_complained_of() -> None:
    assert written_call('{"function": "rm", "arguments": {}}', TWO) == ToolCall("rm", "{}")


def test_of_an_only_function_the_arguments_alone_are_a_call() -> None:
    assert written_call('Here: {"at": "end"}', ["look"]) == ToolCall("look", '{"at": "end"}')
    assert written_call('Here: {"at": "end"}', TWO) is None


@pytest.mark.parametrize("text", ["", "I would look.", "{broken", '["look"]', "{" * 100_000])
def test_a_text_without_a_call_holds_none(text: str) -> None:
    assert written_call(text, TWO) is None


def test_objects_are_found_between_prose_and_broken_ones() -> None:
    assert list(json_objects('{a {"x": {"y": 1}} "{" [{"z": 2}]')) == [{"x": {"y": 1}}, {"z": 2}]
