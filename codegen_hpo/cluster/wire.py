"""What a machine sends back: text, and bytes of a length that is known.

Ray has unpickled the tuple: the cluster's machines are trusted. What a sandbox on one of them said is in the
text and the bytes, which are read as data.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Outcome
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.outcome import Shape
from codegen_hpo.store import codec

# JSON with "node" and "hello", and with "outcome" or with "error" and "hint"; outputs, float32; weights
Reply = tuple[str, bytes | None, bytes | None]


class Answer(NamedTuple):
    """A reply that was read."""

    node: str  # Ray's name of the machine
    hello: Hello
    outcome: Outcome | None  # None for a greeting


def write_answer(node: str, hello: Hello, outcome: Outcome | None) -> Reply:
    """The reply of a worker that said `hello` and ran a job, or none."""
    told: dict[str, Any] = {"node": node, "hello": asdict(hello)}
    if outcome is None:
        return json.dumps(told), None, None
    told["outcome"] = codec.outcome_to_json(outcome)
    outputs = None if outcome.outputs is None else outcome.outputs.astype("<f4").tobytes()
    return json.dumps(told), outputs, outcome.weights


def write_fault(error: SandboxError) -> Reply:
    """The reply of a machine on which no worker runs."""
    return json.dumps({"error": str(error), "hint": error.hint}), None, None


def read_reply(reply: object, shape: Shape) -> Answer:
    """What a machine said.

    Args:
        shape: of the outputs of a job, if it has any.

    Raises:
        SandboxError: the fault that it told of, or the reply cannot be read.
    """
    try:
        text, outputs, weights = _parts(reply)
        told = json.loads(text)
        if "error" in told:
            raise SandboxError(str(told["error"]), hint=str(told["hint"]))
        outcome = _outcome(told["outcome"], outputs, weights, shape) if "outcome" in told else None
        return Answer(str(told["node"]), _hello(told["hello"]), outcome)
    except (ValueError, LookupError, TypeError) as error:
        raise SandboxError(
            f"a machine of the cluster sent what cannot be read: {error}",
            hint="install the same version of codegen-hpo on all machines",
        ) from error


def _parts(reply: object) -> Reply:
    if not isinstance(reply, tuple) or len(reply) != 3:
        raise TypeError(f"a {type(reply).__name__}")
    text, outputs, weights = reply
    if not isinstance(text, str) or not all(
        one is None or isinstance(one, bytes) for one in (outputs, weights)
    ):
        raise TypeError("not text and bytes")
    return text, outputs, weights


def _outcome(told: Mapping[str, Any], outputs: bytes | None, weights: bytes | None, shape: Shape) -> Outcome:
    outcome = replace(codec.outcome_from_json(told), weights=weights)
    if outputs is None:
        return outcome
    expected = 4 * shape.rows * shape.n_outputs
    if len(outputs) != expected:
        raise ValueError(f"{len(outputs)} bytes of predictions, expected {expected}")
    return replace(outcome, outputs=np.frombuffer(outputs, "<f4").reshape(shape).astype(np.float32))


def _hello(told: Mapping[str, Any]) -> Hello:
    return Hello(**{**told, "refused": tuple(told["refused"]), "notices": tuple(told["notices"])})
