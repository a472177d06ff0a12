"""The image that trials run in: built from `sandbox/`, named by the hash of what it is built from."""

import hashlib
import logging
import os
from pathlib import Path

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

from codegen_hpo.errors import SandboxError
from codegen_hpo.resources import resource

BASE_VARIABLE = "CODEGEN_HPO_BASE_IMAGE"
REPOSITORY = "codegen-hpo-sandbox"
_BUILD_S = 3600  # a base image of several gigabytes may have to be fetched
_log = logging.getLogger(__name__)


def image_name(client: docker.DockerClient, base: str | None = None) -> str:
    """The tag of the image for the present worker and base image, built or not."""
    base = base or os.environ.get(BASE_VARIABLE)
    digest = hashlib.sha256()
    for file in _context_files(resource("sandbox")):
        digest.update(file.relative_to(resource("sandbox")).as_posix().encode() + b"\0")
        digest.update(file.read_bytes() + b"\0")
    if base:
        # the id, where it is known: a base may be built anew under its old name
        digest.update((_image_id(client, base) or base).encode())
    return f"{REPOSITORY}:{digest.hexdigest()[:16]}"


def ensure_image(client: docker.DockerClient, base: str | None = None) -> str:
    """The tag of an image that exists. Builds it if need be, which takes seconds to minutes.

    Raises:
        SandboxError: it cannot be built.
    """
    base = base or os.environ.get(BASE_VARIABLE)
    name = image_name(client, base)
    if _image_id(client, name) is None:
        _log.info("building the sandbox image %s", name)
        _build(name, base)
    return name


def _build(name: str, base: str | None) -> None:
    # a client of its own: the time-out of the others is far too short for a build
    try:
        builder = docker.from_env(timeout=_BUILD_S)
        try:
            builder.images.build(
                path=str(resource("sandbox")),
                tag=name,
                buildargs={"BASE_IMAGE": base} if base else {},
                rm=True,
                forcerm=True,
            )
        finally:
            builder.close()
    except BuildError as error:
        steps = [str(line.get("stream") or line.get("error") or "").strip() for line in error.build_log]
        last = "\n".join([step for step in steps if step][-5:])
        raise SandboxError(f"the sandbox image cannot be built: {error}\n{last}", hint=_hint(base)) from error
    except (APIError, DockerException, OSError) as error:
        raise SandboxError(f"the sandbox image cannot be built: {error}", hint=_hint(base)) from error


def _hint(base: str | None) -> str:
    if base:
        return f"see that the image {base} of {BASE_VARIABLE} exists and has python3 with torch"
    return f"the base image comes from a registry: check the network, or set {BASE_VARIABLE} to a local image"


def _image_id(client: docker.DockerClient, name: str) -> str | None:
    try:
        return client.images.get(name).id
    except ImageNotFound:
        return None


def _context_files(folder: Path) -> list[Path]:
    # by name, not all there is: caches of tools would give the image a new name each time
    return [folder / "Dockerfile", *sorted((folder / "worker").glob("*.py"))]
