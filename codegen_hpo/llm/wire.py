"""One attempt at a reply through the openai client: what comes back is a Draft, or a WireError says why not.

The client's own retries are off and its exceptions end here: it sleeps up to 120 s in silence, asks again
when the quota is used up, lets decoding errors through, and takes a stream that was cut for a whole one.
"""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import openai

from codegen_hpo.llm.deadline import Watchdog
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.faults import Refusal, WireError
from codegen_hpo.llm.reading import Draft
from codegen_hpo.llm.refusals import read_refusal, refusal_of

_CONNECT_S = 10.0
# openai 2 is built on httpx, openai 3 on its fork httpx2; an interrupted stream may raise their own errors
_HTTPX = importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])


class Wire:
    """A connection to one endpoint; one request at a time, each under a deadline."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._watchdog = Watchdog()
        self._client = openai.OpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=0,
            default_headers={"Connection": "close"},  # the watchdog must see each connection begin
            http_client=openai.DefaultHttpxClient(event_hooks={"request": [self._watchdog.attach]}),
        )

    def send(self, body: Mapping[str, Any], deadline_s: float) -> Draft:
        """The complete answer to a body of keyword arguments. Raises WireError."""
        create: Any = self._client.chat.completions.create
        draft = Draft()
        for part in self._parts(lambda timeout: create(**body, timeout=timeout), deadline_s):
            draft.add(part)
            if draft.full:
                break
        if not draft.choices:
            raise WireError("body", "the reply holds no choice")
        if not draft.finish:
            if body.get("stream"):
                raise WireError("cut", "the stream broke off before its end")
            draft.finish = "stop"  # a whole JSON body cannot have been cut
        return draft

    def models(self, deadline_s: float) -> list[str]:
        """The names under /models. Raises WireError."""
        found: list[str] = []
        for part in self._parts(lambda timeout: self._client.models.list(timeout=timeout), deadline_s):
            entries = part.get("data")
            for entry in entries if isinstance(entries, list) else []:
                name = entry.get("id") if isinstance(entry, Mapping) else None
                if isinstance(name, str):
                    found.append("".join(c for c in name if c.isprintable()))
        return found

    def close(self) -> None:
        self._client.close()

    def _parts(self, call: Callable[[openai.Timeout], Any], deadline_s: float) -> Iterator[Mapping[str, Any]]:
        """The JSON objects that a call brings: one, or the chunks of a stream."""
        # the watchdog ends a read at the deadline; the client's own limit only stands behind it
        timeout = openai.Timeout(deadline_s + 5, connect=min(_CONNECT_S, deadline_s))
        with self._watchdog.limit(deadline_s):
            try:
                yield from _objects(call(timeout))
            except openai.APIStatusError as error:
                raise _refused(read_refusal(error, error.status_code)) from error
            except openai.APITimeoutError as error:
                raise self._lost("no answer in time") from error
            except (openai.APIConnectionError, _HTTPX.TransportError) as error:
                raise self._lost(f"no connection: {error.__cause__ or error}") from error
            except openai.APIError as error:  # an error object inside a stream
                raise _refused(read_refusal(error, 0)) from error
            except (ValueError, openai.OpenAIError) as error:
                raise self._broken(f"the reply is not JSON: {error}") from error
            if self._watchdog.fired:  # closed at a place where a body may end
                raise self._lost("")

    def _lost(self, message: str) -> WireError:
        if self._watchdog.fired:
            return WireError("deadline", "no complete reply before the deadline")
        return WireError("connection", message)

    def _broken(self, message: str) -> WireError:
        return self._lost(message) if self._watchdog.fired else WireError("body", message)


def _objects(result: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(result, openai.Stream):
        with result:
            kind = result.response.headers.get("content-type", "")
            if "json" in kind or "html" in kind:  # the request to stream was ignored, or this is no API
                text = result.response.read().decode(errors="replace")
                yield _whole(json.loads(text) if "json" in kind else text)
                return
            for chunk in result:
                if isinstance(chunk, openai.BaseModel):
                    yield chunk.to_dict(warnings=False)
        return
    yield _whole(result.to_dict(warnings=False) if isinstance(result, openai.BaseModel) else result)


def _whole(body: object) -> Mapping[str, Any]:
    """A body that is a JSON object without an error. Raises WireError."""
    if isinstance(body, str):
        what = "an HTML page" if "<html" in body[:500].lower() else "plain text"
        raise WireError("body", f"{what} came instead of JSON")
    if not isinstance(body, Mapping):
        raise WireError("body", f"JSON of the wrong form came: {type(body).__name__}")
    if body.get("error") and not body.get("choices"):  # a proxy's error that is labelled 200
        raise _refused(refusal_of(body["error"], 0, {}))
    return body


def _refused(refusal: Refusal) -> WireError:
    label = f"HTTP {refusal.status}: " if refusal.status else "error in the reply: "
    return WireError("status", label + refusal.message, refusal)
