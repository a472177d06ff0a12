"""The JSON schemas of functions' arguments: in the strict form that servers ask for, and checked."""

import json
from typing import Any

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}


def strict_object(properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has all of these properties and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def misfit(arguments: object, schema: dict[str, Any]) -> str:
    """What is wrong with the names and kinds of the arguments; empty if nothing is.

    What lies inside objects and lists is left to whoever takes the arguments.
    """
    if not isinstance(arguments, dict):
        return "the arguments are one JSON object"
    properties = schema.get("properties", {})
    wrong = [f"there is no argument {name[:80]!r}" for name in arguments if name not in properties]
    wrong += [f"{name} is missing" for name in schema.get("required", ()) if name not in arguments]
    for name, part in properties.items():
        if name not in arguments:
            continue
        kind, options = part.get("type"), part.get("enum")
        if options is not None and arguments[name] not in options:
            wrong.append(f"{name} must be one of {json.dumps(options)}")
        elif isinstance(kind, str) and not _is(arguments[name], kind):
            wrong.append(f"{name} must be of the type {kind}")
    return "; ".join(wrong)


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS.get(kind, (object,)))
