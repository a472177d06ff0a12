"""The Docker engine itself: reached, found fit, and its errors told apart."""

import os

import docker
import requests
from docker.errors import APIError, DockerException

from codegen_hpo.errors import SandboxError

_TIMEOUT_S = 60
_INSTALL = "install Docker (https://docs.docker.com/engine/install), start it, and let this user use it"
_FORWARD = (
    "install paramiko or forward the engine's socket: ssh -NL /tmp/engine.sock:/var/run/docker.sock HOST, "
    "then DOCKER_HOST=unix:///tmp/engine.sock"
)


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


def told(error: Exception) -> str:
    """The engine's own words, without the request's address."""
    return (error.explanation if isinstance(error, APIError) else None) or str(error)


def explained(error: Exception) -> SandboxError:
    """What to raise for an error of the engine that is not about a GPU or the bundle."""
    if isinstance(error, APIError):
        return SandboxError(
            f"the container cannot be started: {told(error)}", hint="run `codegen-hpo doctor`"
        )
    return SandboxError(
        f"the Docker engine does not answer: {told(error)}",
        hint="start it again; a run that was going on is kept: `codegen-hpo resume RUN` goes on with it",
    )
