"""The back end `docker`: one hardened container around each worker."""

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.containers import container_options, sweep_orphans
from codegen_hpo.sandbox.image import ensure_image
from codegen_hpo.sandbox.inbox import Inbox
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.warm import Connection, WarmWorker

_STDOUT = 1
_STREAM_HEADER = struct.Struct(">BxxxI")  # the engine's framing of an attached container
_COMPLAINTS = 64  # chunks of stderr kept
_TIMEOUT_S = 60
_INSTALL = "install Docker (https://docs.docker.com/engine/install), start it, and let this user use it"


def connect() -> docker.DockerClient:
    """A client of the engine that the environment names. Raises SandboxError if it does not answer."""
    try:
        client = docker.from_env(timeout=_TIMEOUT_S)
        client.ping()
    except (DockerException, requests.RequestException) as error:
        raise SandboxError(f"the Docker engine does not answer: {error}", hint=_INSTALL) from error
    return client


class DockerSandbox:
    """Runs each worker in a container of its own.

    Raises:
        SandboxError: the engine does not answer. The image is only built when a worker is opened.
    """

    name = "docker"

    def __init__(self, limits: Limits | None = None, *, device: str = "cpu", base: str | None = None) -> None:
        self._limits, self._device, self._base = limits or Limits(), device, base
        self._client = connect()
        sweep_orphans(self._client)
        self._image: str | None = None

    def open(self, bundle: Path) -> WarmWorker:
        """A warm worker in a container that sees `bundle` read-only. Builds the image if there is none."""
        image = self._image or ensure_image(self._client, self._base)
        self._image = image
        _let_nobody_read(bundle)
        return WarmWorker(lambda: self._connect(image, bundle), bundle, self._limits, limit_memory=False)

    def _connect(self, image: str, bundle: Path) -> Connection:
        container: Container | None = None
        try:
            options = container_options(bundle, self._limits, self._device)
            container = self._client.containers.create(image, **options)
            stream = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            connection = _attach(container, stream, self._limits)
            container.start()
        except (DockerException, requests.RequestException, OSError) as error:
            _remove(container)
            raise _explained(error) from error
        except BaseException:
            _remove(container)
            raise
        return connection


def _attach(container: Container, stream: Any, limits: Limits) -> Connection:
    # the raw socket: docker-py wraps it in a reader that cannot write
    raw: socket.socket = getattr(stream, "_sock", stream)
    raw.settimeout(None)
    inbox = Inbox(limits.result_bytes + (1 << 20))
    complaints: deque[bytes] = deque(maxlen=_COMPLAINTS)
    # always drained: an attached container that nobody reads blocks the engine's kill and remove
    reader = threading.Thread(target=_demultiplex, args=(raw, inbox, complaints.append), daemon=True)
    reader.start()

    def end() -> None:
        with suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)
        _remove(container)
        reader.join(timeout=5)
        stream.close()

    return Connection(
        inbox=inbox,
        send=raw.sendall,
        complaints=lambda: b"".join(complaints).decode(errors="replace"),
        end=end,
    )


def _demultiplex(raw: socket.socket, inbox: Inbox, complain: Callable[[bytes], object]) -> None:
    """Sorts what a container writes: stdout to the inbox, the rest to `complain`, until it ends."""
    try:
        while True:
            kind, length = _STREAM_HEADER.unpack(_receive(raw, _STREAM_HEADER.size))
            left = length
            while left:
                data = raw.recv(min(left, 1 << 16))
                if not data:
                    return
                left -= len(data)
                if kind == _STDOUT:
                    inbox.feed(data)
                else:
                    complain(data)
    except (OSError, EOFError):
        pass
    finally:
        inbox.close()


def _receive(raw: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = raw.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _remove(container: Container | None) -> None:
    if container is None:
        return
    try:
        container.remove(force=True)
    except NotFound:
        pass
    except APIError as error:
        # 409: it removes itself at this moment
        if error.status_code != 409:
            raise SandboxError(f"the container {container.short_id} cannot be removed: {error}") from error


def _explained(error: Exception) -> SandboxError:
    text = str(error)
    if "could not select device driver" in text or "Unknown runtime" in text or "CDI" in text:
        return SandboxError(
            f"the engine has no GPU for containers: {text}",
            hint="install the NVIDIA container toolkit, or use --device cpu",
        )
    if isinstance(error, APIError) and "bind source path does not exist" in text:
        return SandboxError(
            f"the engine does not see this machine's files: {text}",
            hint="a remote engine (DOCKER_HOST) is not supported: use the local one",
        )
    return SandboxError(f"the container cannot be started: {text}", hint="run `codegen-hpo doctor`")


def _let_nobody_read(bundle: Path) -> None:
    """Lets the container's user read the folder: it is no user of the host."""
    try:
        for path, wanted in [(bundle, 0o055), *((file, 0o044) for file in bundle.iterdir())]:
            mode = path.stat().st_mode
            if mode & wanted != wanted:
                path.chmod(mode | wanted)
    except OSError as error:
        raise SandboxError(f"the bundle {bundle} cannot be made readable for the sandbox: {error}") from error
