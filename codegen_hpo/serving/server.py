"""Runs the service until it is told to end."""

import signal
import socket
from collections.abc import Callable
from ipaddress import ip_address

import uvicorn
from fastapi import FastAPI

from codegen_hpo.errors import ConfigError

_CONNECTIONS = 256  # more are answered 503
_GRACE_S = 10  # what is under way may take so long at the end


def listen(host: str, port: int) -> socket.socket:
    """A socket on that address; port 0 is a free one. Raises ConfigError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
        except OSError:
            listening.close()
            raise
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}",
            hint="choose another --port (0 is a free one) or --host",
        ) from error
    return listening


def address(listening: socket.socket) -> str:
    """The URL of the service on that socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def names(host: str) -> tuple[str, ...]:
    """The names by which a service on that address may be called; "*" are all.

    An address that others reach may have any name, and whoever reaches it may ask.
    """
    if not is_local(host):
        return ("*",)
    return ("127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host)


def is_local(host: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def run(app: FastAPI, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serves on the socket until SIGINT or SIGTERM; what is under way is answered first.

    Args:
        started: called when the app is ready.
    """
    config = uvicorn.Config(
        app,
        log_level="error",  # its warnings are a line for each request that it refuses
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config, started)
    # uvicorn raises the signal that ended it again, once it has ended
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listening.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()
