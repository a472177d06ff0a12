"""What an endpoint can do, found out by doing it: for `doctor`."""

from collections.abc import Sequence
from typing import NamedTuple

from codegen_hpo.errors import EndpointError
from codegen_hpo.llm.client import Client
from codegen_hpo.llm.endpoint import Endpoint, shorten
from codegen_hpo.llm.messages import Message, Reply, Request, Tool
from codegen_hpo.llm.models import list_models
from codegen_hpo.llm.retry import Patience

_WIDTH = 96
_TOOL = Tool(
    name="make_layer",
    description="Builds one layer.",
    parameters={
        "type": "object",
        "properties": {
            "width": {"type": "integer", "minimum": 1, "maximum": 1024, "description": "units of the layer"}
        },
        "required": ["width"],
        "additionalProperties": False,
    },
)
_REQUEST = Request(
    purpose="doctor",
    messages=(Message("user", f"Call make_layer for a layer of {_WIDTH} units."),),
    tools=(_TOOL,),
)


class Line(NamedTuple):
    """One finding about the endpoint."""

    ok: bool
    text: str
    hint: str = ""  # what to do when it is not ok


class Probe(NamedTuple):
    """What a probe found; `reply` is the answer to the tool call, if there was one."""

    ok: bool  # the endpoint can be used
    lines: tuple[Line, ...]
    reply: Reply | None


def probe(endpoint: Endpoint, patience: Patience | None = None) -> Probe:
    """Asks for the models, then for a call of a function, as a run would; faults are lines, never errors."""
    models = _models_line(endpoint)
    client = Client(endpoint, patience=patience or Patience(attempts=2, deadline_s=60, retry_after_s=5))
    try:
        reply = client.ask(_REQUEST)
    except EndpointError as error:
        return Probe(False, (models, Line(False, str(error), error.hint)), None)
    finally:
        client.close()
    lines = [models, _call_line(reply, as_text=client.dialect.tools_as_text), _cost_line(reply)]
    lines += [Line(True, f"learned: {lesson}") for lesson in client.dialect.lessons]
    return Probe(True, tuple(lines), reply)


def _models_line(endpoint: Endpoint) -> Line:
    try:
        names: Sequence[str] = list_models(endpoint)
    except EndpointError as error:
        return Line(True, f"{endpoint.url} does not list its models ({error})")
    if names and endpoint.model not in names:
        return Line(
            False, f"{endpoint.url} does not list {endpoint.model}, but {shorten(names)}", "check --model"
        )
    return Line(
        True,
        f"{endpoint.url} offers {len(names)} model(s), {endpoint.model} among them"
        if names
        else f"{endpoint.url} answers",
    )


def _call_line(reply: Reply, *, as_text: bool) -> Line:
    if reply.call and reply.call.name == _TOOL.name:
        return Line(True, f"{reply.model} calls functions: {reply.call.name}({reply.call.arguments:.60})")
    if as_text:
        return Line(True, f"{reply.model} has no function calling: calls are read from its text")
    said = reply.call.name if reply.call else reply.text[:60]
    return Line(
        False,
        f"{reply.model} was asked for a call and answered {said!r}",
        "try a model made for function calling",
    )


def _cost_line(reply: Reply) -> Line:
    tokens = f"{reply.usage.prompt_tokens} + {reply.usage.completion_tokens} tokens"
    counted = "estimated: the server does not count them" if reply.usage.estimated else "as the server counts"
    return Line(True, f"answered in {reply.seconds:.1f} s, {tokens} ({counted})")
