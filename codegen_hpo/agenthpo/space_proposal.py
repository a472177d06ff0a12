"""A space that a model proposes for a configuration, where the user gives none.

The Creator of AgentHPO (arXiv 2402.01881, section 3.1) is told which hyperparameters there are and in which
ranges; here it reads them off the configuration and its comments first, and the search is held to what came
of that.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from codegen_hpo.agenthpo.description import Description
from codegen_hpo.agenthpo.proposed_dimension import (
    MOST_OPTIONS,
    ProposedDimension,
    dimension_of,
    require_tunable,
)
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.dialogue import Action, Done, Refused, converse
from codegen_hpo.llm.messages import Ask, Message, Tool
from codegen_hpo.llm.prompts import render
from codegen_hpo.llm.schema import strict_object
from codegen_hpo.objective.script.configuration import Configuration
from codegen_hpo.space import Choice, Dimension, Int, Scalar, Space
from codegen_hpo.space_check import Unsound, checked_space

MOST = 20  # hyperparameters: beyond, few trials say nothing of any
STEPS = 6  # replies, unusable ones included
_TOLD = 12  # complaints in one answer
_SHOWN = 200  # names of the configuration in the prompt
_NAMED = 10  # of them where one is asked for that there is not


class Listed(NamedTuple):
    """A name that may be tuned, as the prompt lists it."""

    name: str
    kind: str  # empty where the configuration has no value
    value: str  # as JSON


def propose_space(
    ask: Ask, description: Description, configuration: Configuration, *, steps: int = STEPS
) -> Space:
    """The space that the model proposes; the configuration's values are its defaults.

    Raises:
        ConfigError: no usable space came in so many replies, or the command has a place that none may fill.
        and what `ask` raises.
    """
    placed = _placed(configuration)
    action = Action(_TOOL, lambda arguments: _accept(arguments, configuration, placed))
    messages = _messages(description, configuration, placed)
    ended = converse(ask, "space", messages, [action], steps=steps)
    if ended.value is None:
        raise ConfigError(
            f"the model proposed no usable space: {ended.reason}",
            hint="write a space file and give it by --space",
        )
    space: Space = ended.value
    return space


def space_as_toml(space: Space) -> str:
    """The space as a file that `--space` reads back."""
    return "\n".join(f"[{_toml(name)}]\n{_entry(dimension)}" for name, dimension in space.items())


# -- the prompt ---------------------------------------------------------------------------------


def _placed(configuration: Configuration) -> tuple[str, ...]:
    """The places of the command: none of them may be left out. Raises ConfigError."""
    own = configuration.held.names if configuration.held else ()
    placed = tuple(name for name in configuration.names if name not in own)
    for name in placed:
        try:
            require_tunable(name, None)
        except Unsound as error:
            raise ConfigError(
                f"the command has a place {{{name}}}, for which no model proposes values: {error}",
                hint=f"write a value in the place of {{{name}}}, or give a space file by --space",
            ) from error
    return placed


def _messages(
    description: Description, configuration: Configuration, placed: Sequence[str]
) -> tuple[Message, ...]:
    names = configuration.names
    listed = [_listed(name, configuration.base) for name in names[:_SHOWN]]
    task = render(
        "space_task",
        description=description.text,
        configuration=configuration.text,
        listed=listed,
        left_out=len(names) - len(listed),
        placed=placed,
        most=MOST,
        tool=_TOOL.name,
    )
    return (Message("system", render("space_system")), Message("user", task))


def _listed(name: str, base: Mapping[str, Scalar]) -> Listed:
    if name not in base:
        return Listed(name, "", "")
    kinds = {bool: "bool", int: "int", float: "float", str: "text"}
    return Listed(name, kinds[type(base[name])], json.dumps(base[name]))


# -- the reply ----------------------------------------------------------------------------------


def _accept(arguments: Mapping[str, Any], configuration: Configuration, placed: Sequence[str]) -> str:
    """Ends the dialogue with a sound space. Raises Refused with everything that is wrong, and Done."""
    sent = arguments["hyperparameters"]
    if not sent or len(sent) > MOST:
        raise Refused(f"{len(sent)} hyperparameters are proposed: 1 to {MOST} are wanted")
    dimensions: dict[str, Dimension] = {}
    complaints = []
    for place, entry in enumerate(sent, 1):
        try:
            proposed = _read(entry)
            _require_known(proposed.name, configuration.names, dimensions)
            dimensions[proposed.name] = dimension_of(proposed, configuration.base)
        except Unsound as error:
            complaints.append(f"{_title(entry, place)}: {error}")
    sent_names = {_title(entry, place) for place, entry in enumerate(sent, 1)}
    complaints += [
        f"{name}: it has a place in the command and is missing" for name in placed if name not in sent_names
    ]
    if complaints:
        more = len(complaints) - _TOLD
        told = "; ".join(complaints[:_TOLD]) + (f"; and {more} more" if more > 0 else "")
        raise Refused(f"{told}. Send the whole list again, mended")
    try:
        space = checked_space(dimensions, constants=False)
    except ConfigError as error:
        raise Refused(str(error)) from error
    raise Done(space)


def _read(entry: object) -> ProposedDimension:
    try:
        return ProposedDimension.model_validate(entry)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, e['loc'][:2])) or 'it'}: {e['msg']}" for e in error.errors()[:3])
        raise Unsound("; ".join(wrong)) from error


def _require_known(name: str, names: Sequence[str], taken: Mapping[str, object]) -> None:
    if name in taken:
        raise Unsound("it is there twice")
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or list(names)[:_NAMED]
        raise Unsound(f"the configuration has no such name; it has {', '.join(near)}")


def _title(entry: object, place: int) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return f"{name!s:.60}" if name else f"entry {place}"


# Strict mode wants every property, and some servers refuse unions: what a kind has no use for is 0 or empty,
# and options are text that the host reads by the kind of the configuration's value.
_FIELDS: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "description": "Exactly as it is listed."},
    "kind": {"type": "string", "enum": ["float", "int", "choice", "bool"]},
    "low": {"type": "number", "description": "The lowest sensible value; 0 for a choice or bool."},
    "high": {"type": "number", "description": "The highest sensible value; 0 for a choice or bool."},
    "log": {"type": "boolean", "description": "Whether its order of magnitude matters; low is then above 0."},
    "options": {
        "type": "array",
        "items": {"type": "string"},
        "description": f"Of a choice: 2 to {MOST_OPTIONS} values, as text; else empty.",
    },
    "description": {"type": "string", "description": "What it does in this script, in at most 25 words."},
}
_TOOL = Tool(
    name="propose_space",
    description="Fixes which hyperparameters are tuned, and what values each may have.",
    parameters=strict_object({"hyperparameters": {"type": "array", "items": strict_object(_FIELDS)}}),
)


def _entry(dimension: Dimension) -> str:
    fields: dict[str, Any] = {"description": dimension.description} if dimension.description else {}
    if isinstance(dimension, Choice):
        fields = {"options": list(dimension.options)} | fields
    else:
        kind = "int" if isinstance(dimension, Int) else "float"
        log = {"log": True} if dimension.log else {}
        fields = {"type": kind, "low": dimension.low, "high": dimension.high, **log} | fields
    if dimension.default is not None:
        fields["default"] = dimension.default
    return "".join(f"{name} = {_toml(value)}\n" for name, value in fields.items())


def _toml(value: Any) -> str:
    """JSON that TOML takes, too: it wants no halves of surrogate pairs, and it is shown on a terminal."""
    written = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in written)
