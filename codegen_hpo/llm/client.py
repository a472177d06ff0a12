"""A language model that can be asked: the one door to the network."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Literal

from codegen_hpo.errors import EndpointError
from codegen_hpo.llm.dialect import Dialect
from codegen_hpo.llm.endpoint import Endpoint, shorten
from codegen_hpo.llm.events import LLMEvent
from codegen_hpo.llm.faults import WireError, explain, plain
from codegen_hpo.llm.messages import Reply, Request, Usage
from codegen_hpo.llm.reading import Answer, Draft, estimated_tokens
from codegen_hpo.llm.retry import GaveUpError, Patience, Retries

_LESSONS_A_REPLY = 12  # more than there is to refuse: ends an endpoint that refuses without sense
_MODELS_S = 5.0  # for the list of models behind a 404
_CUTS_UNTIL_WHOLE = 2  # streams that break off in one request before a whole reply is asked for


class Client:
    """Asks one endpoint, one request at a time; its `ask` is an `Ask`.

    A request is sent, and if something passing went wrong sent again after a wait, within the limits of
    `patience`. What the endpoint refuses is learnt (see `Dialect`). Either a Reply comes back or an
    EndpointError, whatever the server does.

    Args:
        clock: monotonic seconds.
        sleep: waits for some seconds.
        on_event: told of each wait and each lesson, before the next attempt.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        patience: Patience | None = None,
        stream: bool = True,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        on_event: Callable[[LLMEvent], None] | None = None,
    ) -> None:
        from codegen_hpo.llm.wire import Wire  # takes half a second to import

        self.endpoint = endpoint
        self.dialect = Dialect(endpoint, stream=stream)
        self._patience = patience or Patience()
        self._clock, self._sleep = clock, sleep
        self._on_event = on_event
        self._wire = Wire(endpoint)

    def ask(self, request: Request) -> Reply:
        """The model's reply. Raises EndpointError if it cannot be had."""
        self._cuts = 0
        retries = Retries(self._patience, self._clock, self._sleep, self._before_wait)
        try:
            draft = retries.call(lambda: self._attempt(request, retries))
        except GaveUpError as gave_up:
            # not `from`: the chain holds the server's own words, which may quote the key
            raise self._explained(gave_up) from None
        return self._reply(request, draft, retries)

    def close(self) -> None:
        self._wire.close()

    def _attempt(self, request: Request, retries: Retries) -> Draft:
        """One answer; refusals that teach something are overcome at once, they are no fault of the moment."""
        for remaining in reversed(range(_LESSONS_A_REPLY)):
            if not retries.left_s:
                raise WireError("deadline", "no time is left")
            body = self.dialect.write(request)
            try:
                return self._wire.send(body, retries.left_s)
            except WireError as fault:
                lesson = self.dialect.learn(fault.refusal, body) if fault.refusal and remaining else None
                if lesson:
                    self._tell("learned", lesson, retries.attempts)
                    continue
                rejected = _rejected_output(fault)
                if rejected is None:
                    raise
                return rejected
        raise AssertionError("the last round returns or raises")

    def _before_wait(self, fault: WireError, attempt: int, wait_s: float) -> None:
        self._tell("wait", plain(fault.message, self.endpoint), attempt, wait_s)
        self._cuts += fault.kind == "cut"
        if self._cuts == _CUTS_UNTIL_WHOLE and self.dialect.streams:
            self._tell("learned", self.dialect.stop_streaming(), attempt)

    def _tell(self, kind: Literal["wait", "learned"], reason: str, attempt: int, wait_s: float = 0.0) -> None:
        if self._on_event:
            self._on_event(LLMEvent(kind=kind, reason=reason, attempt=attempt, wait_s=wait_s))

    def _explained(self, gave_up: GaveUpError) -> EndpointError:
        refusal, models, note = gave_up.fault.refusal, "", gave_up.note
        if gave_up.fault.kind == "deadline":
            note = f"{self._patience.deadline_s:g} s are allowed"
        if refusal and refusal.status == 404:
            with contextlib.suppress(WireError):  # only to help: what went wrong is known
                models = shorten(self._wire.models(_MODELS_S))
        return explain(gave_up.fault, self.endpoint, attempts=gave_up.attempts, note=note, models=models)

    def _reply(self, request: Request, draft: Draft, retries: Retries) -> Reply:
        answer = draft.answer(tool_asked=bool(request.tools))
        return Reply(
            text=answer.text,
            call=answer.call,
            finish=answer.finish,
            usage=draft.usage or _estimated(request, answer),
            model=draft.model or self.endpoint.model,
            seconds=round(retries.seconds, 3),
            reasoning=answer.reasoning,
            attempts=retries.attempts,
        )


def _rejected_output(fault: WireError) -> Draft | None:
    """What the model is to blame for although the server reports an error: a filter, an unreadable call."""
    if fault.refusal and fault.refusal.code in ("content_filter", "content_policy_violation"):
        return Draft.of(fault.refusal.message, "content_filter")  # Azure, OpenAI
    if fault.refusal and fault.refusal.code == "tool_use_failed":
        return Draft.of(fault.refusal.generation, "stop")  # Groq
    return None


def _estimated(request: Request, answer: Answer) -> Usage:
    asked = "".join(message.content for message in request.messages)
    for tool in request.tools:
        asked += tool.description + json.dumps(tool.parameters)
    answered = answer.text + answer.reasoning + (answer.call.arguments if answer.call else "")
    return Usage(estimated_tokens(asked), estimated_tokens(answered), estimated=True)
