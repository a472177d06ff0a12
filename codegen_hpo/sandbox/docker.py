"""The back end `docker`: one hardened container around each worker."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.containers import Container
from docker.models.volumes import Volume
from docker.types import Mount

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.attached import attach
from codegen_hpo.sandbox.containers import RUNTIME_VARIABLE, bind, container_options
from codegen_hpo.sandbox.devices import read_device
from codegen_hpo.sandbox.engine import AwayError, connect, explained, patiently, require_limits, told
from codegen_hpo.sandbox.gpu import GpuAccess, RefusedError, hints_at_nvidia
from codegen_hpo.sandbox.image import cuda_version, find_or_build
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.removal import remove_quietly, sweep_orphans
from codegen_hpo.sandbox.upload import NOTICE, is_unseen, mount_of, upload
from codegen_hpo.sandbox.warm import Connection, UnseenBundleError, Wall, WarmWorker


class DockerSandbox:
    """Runs each worker in a container of its own.

    What the engine cannot do is found out once: whether it gives GPUs, whether it sees this machine's files.

    Args:
        limits: what a worker may use.
        device: "auto", "cpu", "cuda" or "cuda:1".
        base: an image to build on, instead of the one that CODEGEN_HPO_BASE_IMAGE names.
        image: a ready image, instead of the one that is built for the present worker.

    Raises:
        SandboxError: the engine does not answer or cannot limit containers. The image is only built when a
            worker is opened.
    """

    name = "docker"

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        device: str = "cpu",
        base: str | None = None,
        image: str | None = None,
    ) -> None:
        self._limits, self._device, self._base = limits or Limits(), read_device(device), base
        self._given_image = image
        self._client = connect()
        require_limits(self._client)
        sweep_orphans(self._client)
        self._image = ""  # empty until it is known to be there
        self._gpu = GpuAccess(self._device, own_runtime=bool(os.environ.get(RUNTIME_VARIABLE)))
        self._left: list[Container] = []  # that could not be removed while the engine was away
        self._uploads = False  # whether the engine was found to see no files of this machine

    def open(self, bundle: Path) -> "DockerWorker":
        """A warm worker in a container that sees `bundle` read-only. Builds the image if there is none."""
        if not self._image or self._uploads:  # an upload needs one that is there
            self._find_image()
        if not self._uploads:
            _let_nobody_read(bundle)
            try:
                return self._opened(bundle, None)
            except UnseenBundleError:
                self._uploads = True
        volume = upload(self._client, self._image, bundle)
        try:
            return self._opened(bundle, volume)
        except BaseException:
            remove_quietly(volume)
            raise

    def _opened(self, bundle: Path, volume: Volume | None) -> "DockerWorker":
        mount = bind(bundle) if volume is None else mount_of(volume)
        wall = Wall(name=self.name, limit_memory=False)
        worker = DockerWorker(lambda: self._connect(mount, bundle), bundle, self._limits, wall)
        worker.volume = volume
        try:
            self._gpu.check(worker.hello)
        except SandboxError:
            worker.close()
            raise
        worker.hello = dataclasses.replace(worker.hello, notices=self._notices(mount))
        return worker

    def _notices(self, mount: Mount) -> tuple[str, ...]:
        sent = NOTICE if mount["Type"] == "volume" else ""
        return tuple(filter(None, [self._gpu.notice, sent]))

    def _connect(self, mount: Mount, bundle: Path) -> Connection:
        self._left = [one for one in self._left if not remove_quietly(one)]
        return patiently(lambda: self._connect_now(mount, bundle))

    def _connect_now(self, mount: Mount, bundle: Path) -> Connection:
        size = sum(file.stat().st_size for file in bundle.iterdir() if file.is_file())
        options = container_options(mount, size, self._limits)

        def start(more: Mapping[str, Any]) -> Connection:
            return self._start({**options, **more}, bundle)

        try:
            connection = self._gpu.start(start)
        except ImageNotFound:
            # someone removed it since it was found
            self._find_image()
            try:
                connection = self._gpu.start(start)
            except ImageNotFound as error:
                raise explained(error) from error
        return dataclasses.replace(connection, notices=self._notices(mount))

    def _start(self, options: Mapping[str, Any], bundle: Path) -> Connection:
        """A started container. Raises ImageNotFound, UnseenBundleError, RefusedError or SandboxError."""
        container: Container | None = None
        connection: Connection | None = None
        try:
            container = self._client.containers.create(self._image, **options)
            connection = attach(container, self._limits.sent_bytes + (1 << 20))
            container.start()
        except ImageNotFound:
            raise
        except (DockerException, requests.RequestException, OSError) as error:
            reason = _reason(error, bundle)
            _undo(container, connection)
            if container is not None and isinstance(reason, AwayError):
                self._left.append(container)
            raise reason from error
        except BaseException:  # Ctrl-C
            _undo(container, connection)
            raise
        return connection

    def _find_image(self) -> None:
        if self._given_image:
            self._image = self._given_image
        else:
            self._image = find_or_build(self._client, base=self._base, device=self._device.kind).name
        if not self._gpu.asked:
            return
        try:
            without_cuda = cuda_version(self._client, self._image) == ""
            hinted = without_cuda and hints_at_nvidia(self._client.info())
        except (DockerException, requests.RequestException) as error:
            raise explained(error) from error
        if without_cuda:
            # nobody misses a GPU where there is none
            self._gpu.give_up(
                f"the torch of the image {self._image} is built without CUDA",
                hint="build one with it: unset CODEGEN_HPO_BASE_IMAGE, then codegen-hpo sandbox build --cuda",
                quietly=not hinted,
            )


class DockerWorker(WarmWorker):
    """A worker in a container, and the volume that its bundle was sent to, if it was."""

    volume: Volume | None = None

    def close(self) -> None:
        """Ends the container, removes the volume; see `base.Worker`."""
        super().close()
        volume, self.volume = self.volume, None
        remove_quietly(volume)


def _undo(container: Container | None, connection: Connection | None) -> None:
    if connection is not None:
        connection.end()
    else:
        remove_quietly(container)


def _reason(error: Exception, bundle: Path) -> SandboxError:
    """What to raise for an error while a container was started."""
    if not isinstance(error, APIError):
        return explained(error)
    text = told(error)
    runtime = os.environ.get(RUNTIME_VARIABLE)
    if runtime and "runtime" in text.lower() and runtime in text:
        return SandboxError(
            f"the Docker engine has no runtime {runtime!r}, which {RUNTIME_VARIABLE} names: {text}",
            hint="install it and name it in the engine's daemon.json, or unset the variable",
        )
    if is_unseen(error, bundle):
        return UnseenBundleError(f"the engine does not see the bundle: {text}")
    return RefusedError(text)


def _let_nobody_read(bundle: Path) -> None:
    """Lets the container's user read the folder: it is no user of the host."""
    try:
        for path, wanted in [(bundle, 0o055), *((file, 0o044) for file in bundle.iterdir())]:
            mode = path.stat().st_mode
            if mode & wanted != wanted:
                path.chmod(mode | wanted)
    except OSError as error:
        raise SandboxError(f"the bundle {bundle} cannot be made readable for the sandbox: {error}") from error
