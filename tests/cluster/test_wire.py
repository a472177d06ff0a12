"""What a machine sends is data: it is read strictly, and nothing in it is unpacked."""

import json

import numpy as np
import pytest

from codegen_hpo.cluster.wire import read_reply, write_answer, write_fault
from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Epoch, Outcome
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.outcome import Shape

HELLO = Hello(python="3.11.7", torch="2.13.0", cuda="", refused=("exec",), sandbox="none", notices=("a",))
SHAPE = Shape(3, 2)


def outcome() -> Outcome:
    return Outcome(
        status="ok",
        outputs=np.arange(6, dtype=np.float32).reshape(3, 2),
        weights=b"weights",
        curve=(Epoch(1, 2.0, 3.0, 0.5),),
        notes=("a note",),
        seconds=1.5,
    )


def test_an_outcome_arrives_as_it_was() -> None:
    told = read_reply(write_answer("n1", HELLO, outcome()), SHAPE)
    assert told.node == "n1"
    assert told.hello == HELLO
    assert told.outcome is not None
    assert told.outcome.outputs is not None
    assert told.outcome.outputs.dtype == np.float32
    np.testing.assert_array_equal(told.outcome.outputs, np.arange(6).reshape(3, 2))
    assert (told.outcome.curve, told.outcome.notes) == (outcome().curve, outcome().notes)
    assert told.outcome.weights == b"weights"


def test_a_greeting_has_no_outcome() -> None:
    assert read_reply(write_answer("n1", HELLO, None), SHAPE).outcome is None


def test_a_fault_of_the_machine_is_raised_with_its_hint() -> None:
    with pytest.raises(SandboxError, match="no engine") as caught:
        read_reply(write_fault(SandboxError("no engine", hint="start it")), SHAPE)
    assert caught.value.hint == "start it"


@pytest.mark.parametrize(
    "reply",
    [
        None,
        ("{}", None),
        ("{", None, None),
        (b"{}", None, None),
        ("{}", None, None),
        ("[]", None, None),
        ("{}", np.zeros(6), None),
        (json.dumps({"node": "n1", "hello": {"python": "3"}}), None, None),
        (write_answer("n1", HELLO, outcome())[0], b"short", None),
    ],
)
def test_what_is_no_reply_is_a_fault(reply: object) -> None:
    with pytest.raises(SandboxError, match="cannot be read"):
        read_reply(reply, SHAPE)
