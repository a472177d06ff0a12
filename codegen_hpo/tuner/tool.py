"""A search space as a tool that a language model can call, or as a form that it fills in."""

import json
import math
from typing import Any, NamedTuple

from codegen_hpo.llm.messages import Tool
from codegen_hpo.llm.prompts import quoted
from codegen_hpo.llm.schema import strict_object
from codegen_hpo.space import Choice, Dimension, Int, Scalar, Space

REASONED = 30  # hyperparameters: of more, a reason for each would make the reply too long
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


class Words(NamedTuple):
    """The arguments of a tool that are no hyperparameters, but places for the model's words."""

    analysis: str  # a text on the call as a whole
    reasons: str  # an object: a text for each hyperparameter

    @classmethod
    def beside(cls, space: Space) -> "Words":
        """Names that no dimension of the space has."""
        return cls(_free("analysis", space), _free("reasons", space))


def space_tool(
    space: Space, name: str, description: str, *, analysis: bool = False, reasons: bool = False
) -> Tool:
    """The tool whose arguments are the space's dimensions, in strict form.

    Every property is required and no other is allowed, as strict mode asks; there are no `default` and
    `title` keys, which some servers refuse, so the default and the scale stand in the description.

    Args:
        space: the dimensions.
        name: of the function.
        description: of the function.
        analysis: adds a text argument, before all others, for the thoughts behind the call. Servers that are
            told to call a tool often drop the text beside the call, so the thoughts need a place inside it.
        reasons: adds an object, before the values, with the reason for each (AgentHPO, arXiv 2402.01881,
            appendix D).
    """
    words = Words.beside(space)
    properties: dict[str, Any] = {}
    if analysis:
        thoughts = "What the trials show and what this call is to find out, in at most 80 words."
        properties[words.analysis] = {"type": "string", "description": thoughts}
    if reasons:
        properties[words.reasons] = strict_object({key: {"type": "string"} for key in space}) | {
            "description": "For each hyperparameter, in at most 25 words, why it gets its value: what in the "
            "task or in the trials so far speaks for it."
        }
    properties |= {key: dimension_schema(dimension) for key, dimension in space.items()}
    return Tool(name=name, description=description[:1000], parameters=strict_object(properties))


def schema_text(tool: Tool) -> str:
    """The JSON schema of the tool's arguments, for a prompt: nothing in it ends a tag or a code fence."""
    text = json.dumps(tool.parameters)
    for character in "<>`":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def form(tool: Tool) -> str:
    """An object of the tool's arguments with kinds in place of values: what a reply looks like."""
    return _kind(tool.parameters)


def _kind(part: dict[str, Any]) -> str:
    if "enum" in part:
        return "option"
    if part["type"] == "object":
        places = (f"{quoted(name, 500)}: {_kind(inner)}" for name, inner in part["properties"].items())
        return f"{{{', '.join(places)}}}"
    return '"text"' if part["type"] == "string" else str(part["type"])


def dimension_schema(dimension: Dimension) -> dict[str, Any]:
    """The schema of one hyperparameter."""
    described = {"description": description(dimension)}
    if not isinstance(dimension, Choice):
        number = "integer" if isinstance(dimension, Int) else "number"
        return {"type": number, "minimum": dimension.low, "maximum": dimension.high} | described
    types = list(dict.fromkeys(_JSON_TYPES[type(option)] for option in dimension.options))
    if types == ["boolean"] and len(dimension.options) == 2:
        return {"type": "boolean"} | described
    return {"type": types[0] if len(types) == 1 else types, "enum": list(dimension.options)} | described


def description(dimension: Dimension) -> str:
    """What is said of one hyperparameter: the user's words, the range with its scale, the default."""
    text = " ".join(dimension.description.split())[:300].rstrip()
    if text and text[-1] not in ".!?":
        text += "."
    facts = []
    if not isinstance(dimension, Choice):
        facts.append(f"{dimension.low} to {dimension.high}" + (", log scale" if dimension.log else ""))
    if dimension.default is not None:
        facts.append(f"default {_shown(dimension.default)}")
    said = "; ".join(facts)
    return f"{text} {said[:1].upper()}{said[1:]}.".strip() if said else text


def _free(name: str, space: Space) -> str:
    while name in space:
        name += "_"
    return name


def _shown(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return str(value)
