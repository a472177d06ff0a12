"""The service as a process: it says where it is, answers, and ends when it is told to."""

import json
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.run import Run
from codegen_hpo.serving.example import curl
from codegen_hpo.serving.server import address, is_local, listen, names

MARKUP = "</textarea><script>alert(1)</script>"


def test_a_port_that_is_taken_is_said_to_be() -> None:
    first = listen("127.0.0.1", 0)
    try:
        first.listen()
        port = first.getsockname()[1]
        assert address(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}"):
            listen("127.0.0.1", port)
    finally:
        first.close()


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("box.example", False)],
)
def test_only_an_address_of_this_machine_keeps_other_names_out(host: str, local: bool) -> None:
    assert is_local(host) == local
    assert ("*" not in names(host)) == local


@pytest.mark.parametrize("value", ["plain", "it's; $(touch x) `id` \\ \n\x1b[31m é", MARKUP])
def test_the_command_to_try_it_says_what_it_means_to_a_shell(value: str) -> None:
    command = curl("http://127.0.0.1:8000", {value: value})
    assert command.isascii()
    assert command.isprintable()
    spoken = subprocess.run(
        ["sh", "-c", command.replace("curl", 'printf "%s\\0"', 1)], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    assert json.loads(spoken[3]) == {"rows": [{value: value}]}
    assert spoken[4] == "http://127.0.0.1:8000/predict"


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_served_run_answers_and_ends_in_peace(
    run_of: Callable[[str], Run], tmp_path: Path, end: signal.Signals
) -> None:
    run = run_of("regression").path
    command = [sys.executable, "-m", "codegen_hpo.cli", "serve", str(run), "--port", "0"]
    # the fixture's function is no recipe, which needs a wall or this word
    command += ["--sandbox", "none", "--unsafe-no-sandbox"]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        assert service.stderr is not None
        url = service.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), service.stderr.read()
        tried = next(line for line in service.stderr if line.startswith("try:"))
        *_, body, where = shlex.split(tried.removeprefix("try:"))
        _break_off(url)
        request = urllib.request.Request(where, body.encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["predictions"][0] == pytest.approx(10, abs=2.5)
        service.send_signal(end)
        _, said = service.communicate(timeout=60)
        assert service.returncode == 0, said
        assert "Traceback" not in said
    finally:
        service.kill()
        service.communicate()


def _break_off(url: str) -> None:
    """A request whose body ends too soon."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        connection.sendall(head.encode() + b'Content-Length: 100\r\n\r\n{"rows"')
