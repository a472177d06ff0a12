"""A request, an endpoint, and time that only passes when somebody sleeps."""

import pytest

from codegen_hpo.llm.client import Client
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.events import LLMEvent
from codegen_hpo.llm.messages import Message, Request, Tool
from codegen_hpo.testing import ScriptedServer

SCHEMA = {
    "type": "object",
    "properties": {
        "width": {"type": "integer", "minimum": 8, "maximum": 512, "description": "units of a layer"},
        "activation": {"type": "string", "enum": ["relu", "silu"], "description": "between the layers"},
    },
    "required": ["width", "activation"],
    "additionalProperties": False,
}


class FakeTime:
    """Stands still but for the sleeps, which it writes down."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Bench:
    """A client before a scripted server, with all that can be observed of it."""

    def __init__(self, *, stream: bool) -> None:
        self.stream = stream
        self.time = FakeTime()
        self.events: list[LLMEvent] = []

    def client(self, server: ScriptedServer, **options: object) -> Client:
        settings = {
            key: options.pop(key) for key in ("temperature", "max_tokens", "api_key") if key in options
        }
        return Client(
            Endpoint(base_url=server.base_url, model="scripted", **settings),  # type: ignore[arg-type]
            stream=self.stream,
            clock=self.time.clock,
            sleep=self.time.sleep,
            on_event=self.events.append,
            **options,  # type: ignore[arg-type]
        )

    @property
    def waits(self) -> list[LLMEvent]:
        return [event for event in self.events if event.kind == "wait"]

    @property
    def lessons(self) -> list[str]:
        return [event.reason for event in self.events if event.kind == "learned"]


@pytest.fixture(autouse=True)
def _no_endpoint_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "BASE_URL", "ORG_ID", "PROJECT_ID"):
        monkeypatch.delenv(f"OPENAI_{name}", raising=False)
    for name in ("CODEGEN_HPO_MODEL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(stream=request.param)


@pytest.fixture
def ask_code() -> Request:
    messages = (Message("system", "You write functions."), Message("user", "Write one, please."))
    return Request(purpose="author", messages=messages)


@pytest.fixture
def ask_call() -> Request:
    tool = Tool(name="make_model_and_optimizer", description="Builds a model.", parameters=SCHEMA)
    return Request(purpose="tune", messages=(Message("user", "Propose a call."),), tools=(tool,))
