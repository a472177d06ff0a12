"""A page on this machine that follows a run: HTTP on 127.0.0.1, read-only, for whoever has the token.

Any page of any site can send requests to 127.0.0.1, and names that point there (DNS rebinding) make a browser
take them for its own. So a request must name this machine as its host, must not come from another origin,
and must know the token, which stands in the path: it is in no file, and a reply names it to nobody
(Referrer-Policy). The page itself may load nothing but its two files and the events.
"""

import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.records import Event
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.now import read_now
from codegen_hpo.store.tail import Tail
from codegen_hpo.watch.progress import Progress
from codegen_hpo.watch.view import attempt_row, standing, trial_row

ADDRESS = "127.0.0.1"
_LOOK_S = 0.25  # between two looks at the file
_BEAT_S = 2.0  # at the longest between two messages: one who has gone is noticed by writing
_REQUEST_S = 20.0  # in which a request must have come
_FILES = {
    "": ("page.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class WatchServer(ThreadingHTTPServer):
    """Serves the page of one run, as soon as it is made and until it is closed.

    Args:
        folder: the run's.
        port: 0 is a free one.

    Raises:
        ConfigError: the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, folder: RunFolder, port: int = 0) -> None:
        self.folder = folder
        self.token = secrets.token_urlsafe(18)
        self.closing = threading.Event()
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise ConfigError(
                f"port {port} of {ADDRESS} cannot be had: {error.strerror}",
                hint="without --port a free one is taken",
            ) from error

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a request may call this server."""
        return tuple(f"{name}:{self.server_port}" for name in (ADDRESS, "localhost"))

    @property
    def url(self) -> str:
        return f"http://{self.hosts[0]}/{self.token}/"

    def close(self) -> None:
        """Ends the streams and the server. `serve_forever` must run, in another thread."""
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: a browser goes away whenever it likes."""


class _Handler(BaseHTTPRequestHandler):
    server: WatchServer
    timeout = _REQUEST_S
    server_version, sys_version = "codegen-hpo", ""

    def do_GET(self) -> None:
        if not self._is_from_here():
            self._refuse(HTTPStatus.FORBIDDEN)
            return
        _, token, *rest = self.path.split("/")
        name = "/".join(rest)
        if not rest or not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.NOT_FOUND)
        elif name == "events":
            self._stream()
        elif name in _FILES:
            file, kind = _FILES[name]
            self._answer(HTTPStatus.OK, (files(__package__) / file).read_bytes(), kind)
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: stderr is the command's."""

    def _is_from_here(self) -> bool:
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        own = [f"http://{host}" for host in self.server.hosts]
        return len(hosts) == 1 and hosts[0] in self.server.hosts and all(origin in own for origin in origins)

    def _refuse(self, status: HTTPStatus) -> None:
        self._answer(status, f"{status} {status.phrase}\n".encode(), "text/plain")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self._head(status, kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        for name, value in _HEADERS.items():
            self.send_header(name, value)

    def _stream(self) -> None:
        self._head(HTTPStatus.OK, "text/event-stream")
        self.end_headers()
        for kind, data in messages(self.server.folder, self.server.closing):
            # a line break in the data would end it: JSON has none
            self.wfile.write(f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode())
            self.wfile.flush()


def messages(folder: RunFolder, closing: threading.Event) -> Iterator[tuple[str, Any]]:
    """What a page is told, each message with its kind, until `closing` is set. The first tell all so far.

    Kinds: "run" (what it is), "attempts" and "trials" (new rows), "standing" (how it stands, every few
    seconds at least), "trouble" (why nothing more can be told).
    """
    progress, tail = Progress(), Tail(folder.path)
    about: dict[str, Any] = {}
    shown: list[Event] = []
    beat = 0.0  # seconds until the next message at the latest
    try:
        while not closing.is_set():
            events = tail.read()
            with reading(folder.path / "events.jsonl"):
                for event in events:
                    progress.receive(event)
                trials = [trial_row(event.data) for event in events if event.kind == "trial"]
                attempts = [attempt_row(event) for event in events if event.kind == "attempt"]
            if not about and (about := _about(folder, progress)):
                yield "run", about
            if attempts:
                yield "attempts", attempts
            if trials:
                yield "trials", trials
            shown, before = read_now(folder), shown
            for event in shown if shown != before else ():
                with suppress(LookupError, TypeError, ValueError, OverflowError):  # it may have come by mail
                    progress.receive(event)
            if events or shown != before or beat <= 0:
                beat = _BEAT_S
                # looking takes the lock for a moment: seldom, so that it is in no writer's way
                written = progress.end is None and folder.is_being_written()
                with reading(folder.path / "events.jsonl"):
                    told = standing(progress, written=written)
                yield "standing", told
            closing.wait(_LOOK_S)
            beat -= _LOOK_S
    except ConfigError as error:
        yield "trouble", str(error)


def _about(folder: RunFolder, progress: Progress) -> dict[str, Any]:
    """What the run is of; empty before that is written."""
    with reading(folder.path / "events.jsonl"):
        if progress.objective:
            return {"name": folder.name, "metric": progress.objective["metric"], "task": ""}
    if not progress.baselines:
        return {}
    task = folder.read_json("task.json")
    with reading(folder.path / "task.json"):
        return {"name": folder.name, "metric": task["metric"], "task": f"{task['target']}, {task['kind']}"}
