"""A model's endpoint that says what it is told to: for tests of whatever talks to one, real client included.

Example::

    with ScriptedServer([replies.code(source), replies.call(width=64)]) as server:
        endpoint = Endpoint(base_url=server.base_url, model="scripted")
        ...
    assert server.requests[1].body["tools"]
"""

import contextlib
import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple

from codegen_hpo.testing import rendering
from codegen_hpo.testing.accents import Accent, accented, malformed, refused
from codegen_hpo.testing.brain import Brain
from codegen_hpo.testing.replies import Scripted, fault

_SECRET_HEADERS = frozenset({"authorization", "api-key", "x-api-key", "cookie"})
_HANG_S = 60.0  # a hung reply ends after this time at the latest


class Received(NamedTuple):
    """One request of the chat API, as it came in."""

    path: str
    headers: Mapping[str, str]  # names in lower case, without those that hold a key
    body: dict[str, Any]


class ScriptedServer:
    """An OpenAI-compatible server on a free port of 127.0.0.1, inside `with`.

    Answers `/v1/chat/completions`, streaming or whole as it is asked to, and `/v1/models`. Requests that the
    chosen kind of server refuses are answered so and take nothing from the script. A script that has run out
    answers 500 and says so.

    Args:
        script: replies in order, or a function from a request's body to a reply; the two can be mixed.
        accent: the kind of server whose refusals are imitated; see `accents`.
        strict: refuses what the API does not document.
        models: the names under `/v1/models`; None answers 404 there.
        api_key: refuses every other key with 401, when given.
    """

    def __init__(
        self,
        script: Sequence[Scripted | Brain] | Brain = (),
        *,
        accent: Accent | None = None,
        strict: bool = False,
        models: Sequence[str] | None = ("scripted",),
        api_key: str | None = None,
    ) -> None:
        self.requests: list[Received] = []
        self.accent, self.strict, self.models, self.api_key = accent, strict, models, api_key
        self.closing = threading.Event()
        self._script = script
        self._taken = 0
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True

    @property
    def base_url(self) -> str:
        """What a client is given: `http://127.0.0.1:PORT/v1`."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> "ScriptedServer":
        serve = {"poll_interval": 0.01}
        threading.Thread(target=self._http.serve_forever, kwargs=serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def left(self) -> int | None:
        """Replies of the script that were not asked for; None when a function answers."""
        return None if callable(self._script) else len(self._script) - self._taken

    def reply_to(self, request: Received, key: str) -> Scripted:
        """The answer to a request, which is recorded."""
        with self._lock:
            self.requests.append(request)
            if self.api_key is not None and key != self.api_key:
                return fault(401, "Incorrect API key provided.", code="invalid_api_key")
            refusal = (malformed(request.body) if self.strict else None) or refused(self.accent, request.body)
            return refusal or accented(self.accent, self._next(request.body), request.body)

    def _next(self, body: dict[str, Any]) -> Scripted:
        if callable(self._script):
            return self._script(body)
        if self._taken >= len(self._script):
            message = f"the script of this ScriptedServer has run out: it held {len(self._script)} replies"
            return fault(500, message, headers={"Retry-After": "0"})
        reply = self._script[self._taken]
        self._taken += 1
        return reply(body) if callable(reply) else reply


def _handler(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/v1/models" or server.models is None:
                return self._send(fault(404, f"no such path: {self.path}"), {})
            entries = [
                {"id": name, "object": "model", "created": 0, "owned_by": "x"} for name in server.models
            ]
            return self._send(Scripted(body=json.dumps({"object": "list", "data": entries}).encode()), {})

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path.partition("?")[0] != "/v1/chat/completions":
                return self._send(fault(404, f"no such path: {self.path}"), {})
            try:
                body = json.loads(content)
            except ValueError as error:
                return self._send(fault(400, f"the body is not JSON: {error}"), {})
            headers = {name.lower(): value for name, value in self.headers.items()}
            key = headers.get("authorization", "").removeprefix("Bearer ")
            shown = {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}
            return self._send(server.reply_to(Received(self.path, shown, body), key), body)

        def _send(self, reply: Scripted, request: Mapping[str, Any]) -> None:
            self.close_connection = True
            with contextlib.suppress(ConnectionError):  # the client may have gone
                if reply.manner == "hang":
                    server.closing.wait(_HANG_S)
                elif reply.manner == "trickle-headers":
                    self._trickle(_endless_header(), reply.pause_s)
                elif request.get("stream") and (reply.body is None or reply.manner == "error-event"):
                    self._stream(reply, request)
                else:
                    self._whole(reply, request)

        def _whole(self, reply: Scripted, request: Mapping[str, Any]) -> None:
            content = rendering.whole(reply, request) if reply.body is None else reply.body
            kept = content[: len(content) // 2] if reply.manner in ("cut", "drop") else content
            length = len(content) if reply.manner == "drop" else len(kept)
            self._head(reply, reply.content_type, {"Content-Length": str(length)})
            if reply.manner == "trickle":
                self._trickle(content, reply.pause_s)
            else:
                self.wfile.write(kept)

        def _stream(self, reply: Scripted, request: Mapping[str, Any]) -> None:
            events = rendering.events(reply, request)
            if reply.manner in ("cut", "drop"):
                events = events[: len(events) // 2]
            elif reply.manner == "error-event":
                events = [*events[:2], rendering.event(json.loads(reply.body or b"{}"))]
            self._head(reply, "text/event-stream", {"Transfer-Encoding": "chunked"})
            for event in events:
                if reply.manner == "trickle":
                    self._trickle((_chunk(bytes([byte])) for byte in event), reply.pause_s)
                else:
                    self.wfile.write(_chunk(event))
                    self.wfile.flush()
            if reply.manner != "drop":
                self.wfile.write(_chunk(b""))

        def _head(self, reply: Scripted, content_type: str, framing: Mapping[str, str]) -> None:
            self.send_response(reply.status)
            for name, value in {
                "Content-Type": content_type,
                "Connection": "close",
                **framing,
                **reply.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()

        def _trickle(self, parts: bytes | Iterable[bytes], pause_s: float) -> None:
            single = (bytes([byte]) for byte in parts) if isinstance(parts, bytes) else parts
            for part in single:
                if server.closing.is_set():
                    return
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(pause_s)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def _endless_header() -> Iterable[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    yield b"X-Padding: "
    for _ in range(10_000):
        yield b"x"
