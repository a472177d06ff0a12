import json
from typing import Any

import pytest

from codegen_hpo.testing import ScriptAgent

TASK = (
    'The hyperparameters to be tried: {"net.lr": 0.5}\nGoal: the highest "acc".\n'
    "You have at most 8 replies in all; 1 and 4 can be left out."
)
ORDER = ("load_config", "write_config", "run_script", "load_logs", "finish")
CONFIG = "What came of it:\n```\nlr: 0.1\n```"
WRITTEN = "What came of it:\n```\nThe configuration now holds …\n```"
RAN = "What came of it:\n```\nStatus: ok, after 2.0 s\nacc, as it was read for the record: 0.75\n```"
FAILED = "What came of it:\n```\nStatus: nan, after 2.0 s\nThere is no acc: the value is nan\n```"
COURSE = "What came of it:\n```\nacc by step: 1: 0.5, 2: 0.6, 3: 0.75\nloss by step: 1: 0.5\n```"


def request(*told: str, task: str = TASK, functions: tuple[str, ...] = ORDER) -> dict[str, Any]:
    messages = [{"role": "system", "content": "You act."}, {"role": "user", "content": task}]
    for function, answer in zip(ORDER, told, strict=False):
        messages += [
            {"role": "assistant", "content": json.dumps({"function": function, "arguments": {}})},
            {"role": "user", "content": answer},
        ]
    influence = {"type": "object", "required": ["lr", "net.width"]}
    parameters = {"properties": {"influence": influence}}
    tools = [{"function": {"name": name, "parameters": parameters}} for name in functions]
    return {"messages": messages, "tools": tools}


@pytest.mark.parametrize(
    ("told", "name", "arguments"),
    [
        ((), "load_config", {}),
        ((CONFIG,), "write_config", {"values": {"net.lr": 0.5}}),
        ((CONFIG, WRITTEN), "run_script", {}),
        ((CONFIG, WRITTEN, RAN), "load_logs", {"part": "trajectory"}),
        ((CONFIG, WRITTEN, FAILED), "load_logs", {"part": "errors"}),
        (
            (CONFIG, WRITTEN, RAN, COURSE),
            "finish",
            {"analysis": "acc came to 0.75. acc went from 0.5 to 0.75. loss went from 0.5 to 0.5."},
        ),
        ((CONFIG, WRITTEN, FAILED, "nan"), "finish", {"analysis": "The run failed with the status nan."}),
    ],
)
def test_an_experiment_is_carried_out_by_what_the_prompt_tells(
    told: tuple[str, ...], name: str, arguments: dict[str, Any]
) -> None:
    ((called, sent),) = ScriptAgent()(request(*told)).calls
    assert (called, json.loads(sent)) == (name, arguments)


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        (request(task="Go."), "the hyperparameters to be tried"),
        (request(task=TASK.replace("You have", "There are")), "the number of replies"),
        (request(task=TASK.replace("8", "4")), "replies enough"),
        (request("What came of it:\n```\nrate: 0.1\n```"), "net.lr in the configuration"),
        (request(CONFIG, WRITTEN, "What came of it: nothing"), "the status of the run"),
        (request('This reply could not be used: "no"'), "could not be used"),
        (request(functions=("conclude",)), "the hyperparameter lr"),
    ],
)
def test_a_prompt_that_lacks_what_it_promises_is_an_error(asked: dict[str, Any], lacking: str) -> None:
    reply = ScriptAgent()(asked)
    assert reply.status == 400
    assert lacking in (reply.body or b"").decode()


def test_the_last_word_has_a_text_for_each_hyperparameter() -> None:
    task = (
        '- "lr": "From 0 to 1."\n- "net.width"\n'
        'How the best stands, which is settled: "trial 3 is the best of 4, with 1."'
    )
    ((_, sent),) = ScriptAgent()(request(task=task, functions=("conclude",))).calls
    said = json.loads(sent)
    assert list(said) == ["influence", "directions", "summary"]
    assert list(said["influence"]) == ["lr", "net.width"]
    assert said["summary"] == "Trial 3 is the best."


LISTED = """- "lr": float, now "0.001"
- "decay": float, now "0.0"
- "momentum": float, now "0.9"
- "width": int, now "64"
- "bias": bool, now "true"
- "warm": text, now "\\"1e-3\\""
- "act": text, now "\\"relu\\""
- "seed": int, now "7"
- "data_path": text, now "\\"data/train.csv\\""
- "rate": a place in the command, without a value yet
- Take the hyperparameters that are likely to matter for the goal, at most 20 and at least one."""


def test_a_space_is_proposed_around_the_numbers_that_are_listed() -> None:
    ((called, sent),) = ScriptAgent()(request(task=LISTED, functions=("propose_space",))).calls
    entries = json.loads(sent)["hyperparameters"]
    told = {entry["name"]: (entry["kind"], entry["low"], entry["high"], entry["log"]) for entry in entries}
    assert called == "propose_space"
    assert told == {
        "rate": ("float", 1e-4, 1.0, True),
        "lr": ("float", pytest.approx(1e-4), 1.0, True),
        "decay": ("float", 0.0, 1.0, False),
        "momentum": ("float", pytest.approx(0.09), 1.0, True),
        "width": ("int", 7, 640, True),
        "bias": ("bool", 0, 0, False),
        "warm": ("float", pytest.approx(1e-4), 1.0, True),
    }
    assert entries[0]["name"] == "rate"


@pytest.mark.parametrize(
    ("task", "lacking"),
    [
        ("Propose.", "how many hyperparameters"),
        (LISTED.splitlines()[-1], "anything that could be tuned"),
        (f'{LISTED}\nThis reply could not be used: "rate: no"', "could not be used"),
    ],
)
def test_a_prompt_for_a_space_without_what_it_promises_is_an_error(task: str, lacking: str) -> None:
    reply = ScriptAgent()(request(task=task, functions=("propose_space",)))
    assert reply.status == 400
    assert lacking in (reply.body or b"").decode()
