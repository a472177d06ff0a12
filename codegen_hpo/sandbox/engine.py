"""The Docker engine itself: reached, found fit, and its errors told apart."""

import logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

import docker
import requests
from docker.errors import APIError, DockerException

from codegen_hpo.errors import SandboxError

_TIMEOUT_S = 60
# an engine that is restarted, as by an update of its package, is back within seconds; 10 s if it was killed
_RETURN_S = 20.0
_INSTALL = "install Docker (https://docs.docker.com/engine/install), start it, and let this user use it"
_FORWARD = (
    "install paramiko or forward the engine's socket: ssh -NL /tmp/engine.sock:/var/run/docker.sock HOST, "
    "then DOCKER_HOST=unix:///tmp/engine.sock"
)
Started = TypeVar("Started")
_log = logging.getLogger(__name__)


class AwayError(SandboxError):
    """The engine does not answer."""


def connect() -> docker.DockerClient:
    """A client of the engine that the environment names. Raises SandboxError if it does not answer."""
    try:
        # no version: the oldest that an engine speaks rises, and the client asks for it
        client = docker.from_env(timeout=_TIMEOUT_S)
        client.ping()
    except (DockerException, requests.RequestException) as error:
        raise SandboxError(
            f"the Docker engine{_named()} does not answer: {told(error)}", hint=_remedy(error)
        ) from error
    return client


def patiently(attempt: Callable[[], Started]) -> Started:
    """What the attempt returns, which is made again while the engine is away for some seconds.

    Raises AwayError if it stays away. A ping would not do: an engine that is being stopped still answers on
    the connections that there are, and takes no new ones.
    """
    until = time.monotonic() + _RETURN_S
    waiting = False
    while True:
        try:
            return attempt()
        except AwayError:
            if time.monotonic() > until:
                raise
        if not waiting:
            _log.warning("the Docker engine does not answer; waiting %.0f s for it to come back", _RETURN_S)
        waiting = True
        time.sleep(0.2)


def require_limits(client: docker.DockerClient) -> None:
    """Raises SandboxError for an engine that cannot limit memory and processes, which a trial is promised."""
    try:
        info = client.info()
    except (DockerException, requests.RequestException) as error:
        raise explained(error) from error
    lacking = [what for what, key in _LIMITS.items() if info.get(key) is False]
    if lacking:
        raise SandboxError(
            f"the Docker engine cannot limit {' and '.join(lacking)} of a container",
            hint="switch its control groups on (a rootless engine needs cgroup v2 with delegation: "
            "https://rootlesscontaine.rs/getting-started/common/cgroup2), or choose another --sandbox",
        )


def _named() -> str:
    host = os.environ.get("DOCKER_HOST")
    return f" of DOCKER_HOST={host}" if host else ""


def _remedy(error: Exception) -> str:
    host = os.environ.get("DOCKER_HOST", "")
    if host.startswith("ssh://"):
        return _FORWARD
    if "Permission denied" in str(error):
        return "let this user use it: add it to the group docker, and log in again"
    if host:
        return "start that engine, or mend or unset DOCKER_HOST"
    return _INSTALL


_LIMITS = {"the memory": "MemoryLimit", "the processes": "PidsLimit"}


def told(error: BaseException) -> str:
    """The engine's own words, or the reason why there are none, without what wraps them."""
    if isinstance(error, APIError) and error.explanation:
        return str(error.explanation)
    inner = error.__cause__ or next((one for one in error.args if isinstance(one, BaseException)), None)
    if inner is not None:
        return told(inner)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def explained(error: Exception) -> SandboxError:
    """What to raise for an error of the engine that is not about a GPU or the bundle."""
    if isinstance(error, APIError):
        return SandboxError(
            f"the container cannot be started: {told(error)}", hint="run `codegen-hpo doctor`"
        )
    return AwayError(
        f"the Docker engine does not answer: {told(error)}",
        hint="start it again, then resume the run: none of its trials is lost",
    )
