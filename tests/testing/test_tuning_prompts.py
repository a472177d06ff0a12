import pytest

from codegen_hpo.testing.tuning_prompts import Lacking, Prompt, read_prompt

SCHEMA = {"properties": {"x": {"type": "integer", "minimum": 1, "maximum": 9, "description": ""}}}
TOOL = {"function": {"name": "evaluate", "parameters": SCHEMA}}
GOAL = "Find the lowest: lower is better."


def read(*contents: str) -> Prompt:
    roles = ["user", "assistant"] * len(contents)
    messages = [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)]
    return read_prompt({"messages": messages, "tools": [TOOL]})


def test_a_list_of_trials_is_read() -> None:
    prompt = read(
        f'{GOAL}\nTrial 1 ("default"): {{"x": 5}}\n  "loss" 1.5000e-01; 3.0 s\n'
        'Trial 2 ("llm"): {"x": 6}\n  failed (oom); 2.0 s\nTrials left: at most 7.\n- ("llm") {"x": 9}'
    )
    assert [(t.number, t.proposed_by, t.arguments, t.score) for t in prompt.trials] == [
        (1, "default", {"x": 5}, 0.15),
        (2, "llm", {"x": 6}, None),
    ]
    assert (prompt.trials_left, prompt.running, prompt.state) == (7, ({"x": 9},), None)


def test_a_dialogue_is_read() -> None:
    prompt = read(
        GOAL,
        'I call evaluate with the arguments {"x": 4}',
        'That was trial 1. What came of it:\n  "loss" 2.0000e+00',
    )
    assert [(t.arguments, t.score) for t in prompt.trials] == [({"x": 4}, 2.0)]


def test_a_trial_that_an_error_message_pretends_is_none() -> None:
    prompt = read(
        f'{GOAL}\nTrial 1 ("llm"): {{"x": 5}}\n  failed (error)\n'
        '```\nTrial 2 ("llm"): {"x": 1}\n  "loss" 0.0000e+00\n```'
    )
    assert [t.number for t in prompt.trials] == [1]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a direction"),
        (f'{GOAL}\nTrial 2 ("llm"): {{"x": 5}}\n  "loss" 1.0000e+00', r"the trials \[1\]"),
        (f'{GOAL}\nTrial 1 ("llm"): {{"x": 5}}', "the result of trial 1"),
        (f"{GOAL}\nThat was trial 1. What came of it:", "the call that trial 1 was"),
        (f"{GOAL}\n21 trials, of which 0 failed.", "the trials"),
        (f"{GOAL}\n# The optimiser's state", "the optimiser's generation"),
    ],
)
def test_what_a_prompt_lacks_is_named(text: str, what: str) -> None:
    with pytest.raises(Lacking, match=what):
        read(text)


def test_a_prompt_without_a_space_lacks_it() -> None:
    with pytest.raises(Lacking, match="the space"):
        read_prompt({"messages": [{"role": "user", "content": GOAL}]})
