"""The page is for whoever has the token, on this machine, and changes nothing."""

import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Event
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.now import Now
from codegen_hpo.watch.server import WatchServer, messages

Make = Callable[..., Event]
Ask = Callable[..., HTTPResponse]
SHOWN = {"number": 0, "time": "", "elapsed_s": 1.0, "kind": "passed", "key": "t002"}
SHOWN |= {"data": {"fold": 1, "folds": 1, "epoch": 31}}


@pytest.fixture
def run(write_run: Callable[..., Path], settings: Make, trial: Make) -> Path:
    return write_run(settings(), trial(1, "c01/1", 3.0))


@pytest.fixture
def server(run: Path) -> Iterator[WatchServer]:
    server = WatchServer(RunFolder.open(run))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.close()
    thread.join()


@pytest.fixture
def ask(server: WatchServer) -> Iterator[Ask]:
    """Sends a request; `place` stands behind the token's path."""
    opened = []

    def send(place: str = "", *, path: str = "", method: str = "GET", **headers: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        opened.append(connection)
        sent = {"Host": f"127.0.0.1:{server.server_port}"} | headers
        connection.request(method, path or f"/{server.token}/{place}", headers=sent)
        return connection.getresponse()

    yield send
    for connection in opened:
        connection.close()


@pytest.mark.parametrize(
    ("place", "kind"), [("", "text/html"), ("page.css", "text/css"), ("page.js", "text/javascript")]
)
def test_the_page_and_its_two_files(ask: Ask, place: str, kind: str) -> None:
    reply = ask(place)
    assert reply.status == 200
    assert reply.getheader("Content-Type") == f"{kind}; charset=utf-8"
    policy = reply.getheader("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert reply.getheader("Referrer-Policy") == "no-referrer"
    assert "http" not in reply.read().decode().replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("path", ["/", "/events", "/x/", "/x/events", "//", "/{token}", "/{token}x/"])
def test_without_the_token_there_is_nothing(ask: Ask, server: WatchServer, path: str) -> None:
    reply = ask(path=path.format(token=server.token))
    assert reply.status == 404
    assert server.token not in reply.read().decode()


@pytest.mark.parametrize(
    "place",
    ["../events.jsonl", "events.jsonl", "..%2f..%2fetc/passwd", "page.html", "events/", "__init__.py"],
)
def test_no_other_file_can_be_had(ask: Ask, place: str) -> None:
    assert ask(place).status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "[::1]:{port}", ""])
def test_another_name_for_this_machine_is_refused(ask: Ask, server: WatchServer, host: str) -> None:
    reply = ask(Host=host.format(port=server.server_port))
    assert reply.status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}"])
def test_another_origin_is_refused(ask: Ask, server: WatchServer, origin: str) -> None:
    assert ask("events", Origin=origin.format(port=server.server_port)).status == 403


def test_the_own_origin_is_served(ask: Ask, server: WatchServer) -> None:
    own = f"localhost:{server.server_port}"
    assert ask(Host=own, Origin=f"http://{own}").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_sent(ask: Ask, method: str) -> None:
    assert ask(method=method).status == 501


def test_the_events_are_told_as_they_come(ask: Ask, run: Path, write_run: Any, trial: Make) -> None:
    reply = ask("events")
    assert reply.getheader("Content-Type") == "text/event-stream; charset=utf-8"
    assert [row["name"] for row in take(reply, "trials")] == ["t001"]
    assert take(reply, "standing")["best"] == {"name": "t001", "score": 1.0}
    write_run(trial(2, "c01/2", 9.0, loss=0.5))
    assert [row["name"] for row in take(reply, "trials")] == ["t002"]
    assert take(reply, "standing")["best"] == {"name": "t002", "score": 0.5}


def test_the_epochs_of_a_training_are_told_between_events(
    ask: Ask, run: Path, write_run: Any, call: Make
) -> None:
    reply = ask("events")
    take(reply, "standing")
    write_run(call("c01/2", 4.0))
    take(reply, "standing")
    folder = RunFolder.open(run)
    with folder.writing():
        Now(folder).show("passed", "t002", {"fold": 1, "folds": 1, "epoch": 31}, 5.0)
        standing = take(reply, "standing")
    assert [work["passed"] for work in standing["works"]] == ["epoch 31"]


@pytest.mark.parametrize(
    "text",
    ["", "[", "[" * 10_000, "[1]", "[{}]", '[{"number": 0}]'.replace("}", ', "data": []}')]
    + [json.dumps([{**SHOWN, **change}]) for change in ({"key": []}, {"data": {"fold": "x"}}, {"data": None})]
    + [json.dumps([SHOWN]).replace("31", "1e999")],
)
def test_what_goes_on_may_be_anything_in_a_run_that_came_by_mail(
    ask: Ask, run: Path, write_run: Any, trial: Make, text: str
) -> None:
    (run / "now.json").write_text(text)
    reply = ask("events")
    assert take(reply, "standing")["best"] == {"name": "t001", "score": 1.0}
    write_run(trial(2, "c01/2", 9.0, loss=0.5))
    assert take(reply, "standing")["best"] == {"name": "t002", "score": 0.5}


def test_a_run_that_is_damaged_meanwhile_is_told_and_ends_the_stream(ask: Ask, run: Path) -> None:
    reply = ask("events")
    take(reply, "standing")
    with (run / "events.jsonl").open("a") as file:
        file.write("{}\n")
    assert "line 3: not an event" in take(reply, "trouble")
    assert reply.read() == b"\n"


@pytest.mark.parametrize(
    ("kind", "data"), [("trial", {"number": "one"}), ("prepared", {"baselines": [{"name": "mean"}]})]
)
def test_events_of_another_make_are_trouble_too(
    write_run: Any, settings: Make, event: Make, kind: str, data: dict[str, Any]
) -> None:
    folder = write_run(settings(), event(kind, "c01/1", **data))
    told = dict(messages(RunFolder.open(folder), threading.Event()))
    assert "cannot be read" in told["trouble"]


def test_a_port_that_is_taken_is_told(server: WatchServer) -> None:
    with pytest.raises(ConfigError, match="cannot be had"):
        WatchServer(server.folder, server.server_port)


def take(reply: HTTPResponse, kind: str) -> Any:
    """The data of the next message of this kind."""
    while line := reply.readline().decode():
        if line == f"event: {kind}\n":
            return json.loads(reply.readline().decode().removeprefix("data: "))
    raise AssertionError(f"the stream ended without {kind}")
