"""The image that trials run in: built from `sandbox/`, named by the hash of what it is built from."""

import hashlib
import io
import logging
import os
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import docker
import requests
from docker.errors import APIError, BuildError, DockerException, ImageNotFound, NotFound
from docker.models.images import Image

from codegen_hpo.errors import SandboxError
from codegen_hpo.resources import resource
from codegen_hpo.sandbox.engine import explained, told
from codegen_hpo.sandbox.gpu import hints_at_nvidia

Variant = Literal["cpu", "cuda"]

BASE_VARIABLE = "CODEGEN_HPO_BASE_IMAGE"
REPOSITORY = "codegen-hpo-sandbox"
IMAGE_LABEL = "org.codegen-hpo.repository"  # not the containers' label: they inherit those of their image
CUDA_LABEL = "org.codegen-hpo.cuda"  # the CUDA version of its torch, empty for a CPU build
CPU_BASE = "python:3.12-slim-bookworm"  # torch comes from the CPU index; the CUDA base is in the Dockerfile
_BUILD_S = 3600  # a base image of several gigabytes may have to be fetched
_TRIES = 3
_log = logging.getLogger(__name__)


class FoundImage(NamedTuple):
    name: str  # its tag
    built: bool  # just now
    seconds: float


def find_or_build(
    client: docker.DockerClient,
    *,
    base: str | None = None,
    variant: Variant | None = None,
    device: str = "auto",
    repository: str = REPOSITORY,
) -> FoundImage:
    """The image for the present worker. Builds it if need be, which takes seconds to minutes.

    Args:
        base: an image to build on; CODEGEN_HPO_BASE_IMAGE if not given, else the variant's own.
        variant: which one exactly; if not given, the one that suits the device and the engine, or another
            one that is there and will do.
        device: "auto", "cpu" or "cuda".
        repository: the name before the tag's colon.

    Raises:
        SandboxError: it cannot be built.
    """
    began = time.monotonic()
    base = base or os.environ.get(BASE_VARIABLE) or None
    try:
        wanted = wanted_bases(client, base, variant, device)
        for one in wanted:
            name = image_name(client, one, repository)
            if _image_id(client, name) is not None:
                return FoundImage(name, False, time.monotonic() - began)
        _log.warning(
            "the sandbox image is built now, once: seconds, or minutes where its base %s must be fetched",
            wanted[0] or "(PyTorch with CUDA, several GB)",
        )
        name = _build_named(client, wanted[0], repository)
    except (DockerException, requests.RequestException) as error:
        raise explained(error) from error
    return FoundImage(name, True, time.monotonic() - began)


def image_name(client: docker.DockerClient, base: str | None = None, repository: str = REPOSITORY) -> str:
    """The tag of the image for the present worker and base image, built or not.

    An empty `base` is the Dockerfile's own, None what the environment names.
    """
    base = os.environ.get(BASE_VARIABLE, "") if base is None else base
    digest = hashlib.sha256()
    for name, data in _context():
        digest.update(name.encode() + b"\0" + data + b"\0")
    if base == CPU_BASE:
        # by name: a base that was fetched may be removed again, and the image is as good as before
        digest.update(base.encode())
    elif base:
        # the id, where it is known: a base may be built anew under its old name
        digest.update((_image_id(client, base) or base).encode())
    return f"{repository}:{digest.hexdigest()[:16]}"


def current_names(
    client: docker.DockerClient, base: str | None = None, repository: str = REPOSITORY
) -> set[str]:
    """The tags of all images that fit the present worker: of each variant, and of the base images named."""
    bases = {"", CPU_BASE, base or "", os.environ.get(BASE_VARIABLE, "")}
    return {image_name(client, one, repository) for one in bases}


def cuda_version(client: docker.DockerClient, name: str) -> str | None:
    """The CUDA version of the image's torch, empty for a CPU build, None where the image does not say."""
    return client.images.get(name).labels.get(CUDA_LABEL)


def wanted_bases(
    client: docker.DockerClient, base: str | None, variant: Variant | None, device: str
) -> list[str]:
    if base:
        return [base]
    if variant:
        return [CPU_BASE if variant == "cpu" else ""]
    if device.startswith("cuda"):
        return [""]
    if device == "auto" and hints_at_nvidia(client.info()):
        return ["", CPU_BASE]
    return [CPU_BASE, ""]


def _build_named(client: docker.DockerClient, base: str, repository: str) -> str:
    # without a tag first: another process may build the same, and a base that was fetched changes the name
    for left in reversed(range(_TRIES)):
        try:
            first = _build(base, {})
            labels = {IMAGE_LABEL: repository, CUDA_LABEL: _read_cuda(client, first)}
            image = _build(base, labels)  # all but the labels comes from the engine's cache
            with suppress(APIError):  # it is used by the image with labels, unless two processes built it
                client.images.remove(str(first.id))
            break
        except (SandboxError, ImageNotFound) as error:
            # a layer that another process removed in the middle of it
            if left == 0 or "No such image" not in str(error):
                raise
    name = image_name(client, base, repository)
    if _image_id(client, name) is None:
        image.tag(*name.rsplit(":", 1))
    return name


def _build(base: str, labels: dict[str, str]) -> Image:
    # a client of its own: the time-out of the others is far too short for a build
    builder = docker.from_env(timeout=_BUILD_S)
    try:
        image, _ = builder.images.build(
            fileobj=_packed(),
            custom_context=True,
            buildargs={"BASE_IMAGE": base} if base else {},
            labels=labels,
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        steps = [str(line.get("stream") or line.get("error") or "").strip() for line in error.build_log]
        last = "\n".join([step for step in steps if step][-5:])
        raise SandboxError(f"the sandbox image cannot be built: {error}\n{last}", hint=_hint(base)) from error
    except (APIError, OSError) as error:
        raise SandboxError(f"the sandbox image cannot be built: {told(error)}", hint=_hint(base)) from error
    finally:
        builder.close()
    return image


def _read_cuda(client: docker.DockerClient, image: Image) -> str:
    """What the build wrote of its torch, read from a container that is never started."""
    container = client.containers.create(image, network_mode="none")
    try:
        chunks, _ = container.get_archive("/opt/codegen-hpo/cuda")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            member = tar.extractfile("cuda")
            return member.read(100).decode().strip() if member else ""
    finally:
        with suppress(NotFound):
            container.remove(force=True)


def _hint(base: str) -> str:
    if base not in ("", CPU_BASE):
        return f"see that the image {base} of {BASE_VARIABLE} exists and has python3 with torch"
    return f"the base image comes from a registry: check the network, or set {BASE_VARIABLE} to a local image"


def _image_id(client: docker.DockerClient, name: str) -> str | None:
    try:
        return client.images.get(name).id
    except ImageNotFound:
        return None


def _packed() -> io.BytesIO:
    """The build's files as a tar, readable for every user whatever their modes are here."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in _context():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    packed.seek(0)
    return packed


def _context() -> Iterator[tuple[str, bytes]]:
    # by name, not all there is: caches of tools would give the image a new name each time
    folder: Path = resource("sandbox")
    for file in [folder / "Dockerfile", folder / "byte_code.py", *sorted((folder / "worker").glob("*.py"))]:
        yield file.relative_to(folder).as_posix(), file.read_bytes()
