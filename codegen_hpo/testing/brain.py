"""Scripted replies that are made up as they are asked for."""

import json
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from codegen_hpo.testing.replies import Scripted, call, code
from codegen_hpo.testing.tuning_prompts import written_schema

Brain = Callable[[Mapping[str, Any]], Scripted]  # the body of a request → the reply


def drawing_brain(source: str, seed: int = 0) -> Brain:
    """A brain for runs of any length: functions are called with random valid arguments, `source` is the code.

    The arguments come from the JSON schema in the request, so that a wrong schema shows. Requests without a
    function to call are taken for requests for code.
    """
    generator = random.Random(seed)

    def brain(request: Mapping[str, Any]) -> Scripted:
        for tool in request.get("tools", ()):
            function = tool["function"]
            return call(draw_arguments(function["parameters"], generator), name=function["name"])
        schema = written_schema(request)
        if schema is not None:
            return code(json.dumps(draw_arguments(schema, generator)), before="", language="json")
        return code(source)

    return brain


def draw_arguments(schema: Mapping[str, Any], generator: random.Random) -> dict[str, Any]:
    """Random arguments that the schema of an object allows; every property gets a value."""
    return {name: _draw(part, generator) for name, part in schema.get("properties", {}).items()}


def _draw(schema: Mapping[str, Any], generator: random.Random) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return generator.choice(schema["enum"])
    if "anyOf" in schema:
        return _draw(generator.choice(schema["anyOf"]), generator)
    match schema.get("type"):
        case "boolean":
            return generator.random() < 0.5
        case "integer":
            return round(_between(schema, generator))
        case "number":
            return _between(schema, generator)
        case "object":
            return draw_arguments(schema, generator)
        case "string":
            return "text"
        case other:
            raise ValueError(f"cannot draw a value for a schema of type {other!r}: {json.dumps(schema)}")


def _between(schema: Mapping[str, Any], generator: random.Random) -> float:
    low, high = float(schema["minimum"]), float(schema["maximum"])
    if low > 0 and high / low >= 100:  # a range of two decades is searched by its logarithm
        value = math.exp(generator.uniform(math.log(low), math.log(high)))
    else:
        value = generator.uniform(low, high)
    return min(max(float(f"{value:.4g}"), low), high)
