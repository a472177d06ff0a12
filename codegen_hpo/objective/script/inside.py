"""Commands in a running container, which end when it does."""

import socket
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import requests
from docker.api.client import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container

from codegen_hpo.objective.kept import Kept
from codegen_hpo.sandbox.attached import demultiplex, raw_socket
from codegen_hpo.sandbox.engine import explained

_CHECK_S = 20.0
_DRAIN_S = 2.0  # for the reader, once the command has ended
_SIGNALS = range(129, 160)  # exit codes that stand for a signal

# output that came before its reader would be lost: a command begins when a line is sent to it
_WAITING = 'read -r go && exec "$@" </dev/null'


class Inside:
    """A running container, as one user sees it.

    Args:
        api: of the client.
        container: PID 1 is another user's, so that nothing here can reach it.
        user: "uid:gid".
        folder: where commands run.
        environment: variables beside those of the image.
    """

    def __init__(
        self, api: APIClient, container: Container, user: str, folder: str, environment: Mapping[str, str]
    ) -> None:
        self._api, self._container = api, container
        self._user, self._folder, self._environment = user, folder, dict(environment)

    def check(self, script: str, *words: str) -> int | None:
        """The exit code of a short shell script, None if the container cannot run it."""
        try:
            name = self._created(script, words)
            self._api.exec_start(name, detach=True)
            until = time.monotonic() + _CHECK_S
            while time.monotonic() < until:
                state = self._api.exec_inspect(name)
                if not state["Running"]:
                    return int(state["ExitCode"])
                time.sleep(0.01)
        except APIError:  # as one that is gone, or has no room for another process
            pass
        except (DockerException, requests.RequestException) as error:
            raise explained(error) from error
        return None

    def start(self, words: Sequence[str]) -> "Command":
        """The started words. Raises SandboxError."""
        try:
            name = self._created(_WAITING, words, stdin=True)
            return Command(self._api, name, self._api.exec_start(name, socket=True))
        except (DockerException, requests.RequestException, OSError) as error:
            raise explained(error) from error

    def _created(self, script: str, words: Sequence[str], *, stdin: bool = False) -> str:
        made = self._api.exec_create(
            self._container.id,
            ["/bin/sh", "-c", script, "sh", *words],
            stdin=stdin,
            user=self._user,
            workdir=self._folder,
            environment=self._environment,
        )
        return str(made["Id"])


class Command:
    """A command under way."""

    def __init__(self, api: APIClient, name: str, stream: Any) -> None:
        self._api, self._name, self._stream = api, name, stream
        self._raw = raw_socket(stream)
        self.output, self.complaints = Kept(), Kept()
        self.code: int | None = None  # as subprocess tells it; None until it has ended
        feeds = self.output.feed, self.complaints.feed
        # always drained: else the command waits, and so do those who would end it
        self._reader = threading.Thread(target=demultiplex, args=(self._raw, *feeds), daemon=True)
        self._reader.start()
        self._raw.sendall(b"\n")

    def ended(self, wait_s: float) -> bool:
        """Whether it has ended within this time; also when its container has. Raises SandboxError."""
        if self._reader.is_alive():
            self._reader.join(wait_s)
        else:  # it has closed its output
            time.sleep(wait_s)
        try:
            state = self._api.exec_inspect(self._name)
        except NotFound:
            state = {"Running": False, "ExitCode": None}
        except (DockerException, requests.RequestException) as error:
            raise explained(error) from error
        if state["Running"]:
            return False
        code = state["ExitCode"]
        killed = code is None or code in _SIGNALS
        self.code = 128 - (137 if code is None else code) if killed else code
        return True

    def close(self) -> None:
        """Lets its output come to an end, for as long as that may take."""
        self._reader.join(_DRAIN_S)
        with suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)
        self._reader.join(_DRAIN_S)
        self._stream.close()
