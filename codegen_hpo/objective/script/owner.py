"""Whose a workspace is in a container: a user's who may write there, and is no more than that."""

import os
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.containers import NOBODY
from codegen_hpo.sandbox.engine import explained


def container_user(client: docker.DockerClient) -> str:
    """Who the script is in its container: one that may write what this user may, and no more."""
    try:
        security = client.info().get("SecurityOptions") or []
    except (DockerException, requests.RequestException) as error:
        raise explained(error) from error
    if any("rootless" in option for option in security):
        return "0:0"  # which is this user, for such an engine
    return NOBODY if os.geteuid() == 0 else f"{os.geteuid()}:{os.getegid()}"


def hand_over(folder: Path) -> None:
    """Makes a workspace of root's the container's user's. Raises SandboxError."""
    uid, gid = map(int, NOBODY.split(":"))
    try:
        os.chown(folder, uid, gid)
        for inner, folders, files in os.walk(folder):
            for name in folders + files:
                os.chown(os.path.join(inner, name), uid, gid, follow_symlinks=False)
    except OSError as error:
        raise SandboxError(
            f"the workspace {folder} cannot be given to the container's user: {error.strerror}",
            hint="put the runs on a disk where that is possible (--runs), or run as another user than root",
        ) from error
