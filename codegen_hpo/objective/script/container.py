"""A container around a script: its workspace is all that it sees of this machine, and can write to."""

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.containers import Container
from docker.types import Mount, Ulimit

from codegen_hpo.errors import ConfigError, SandboxError
from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.script.inside import Inside
from codegen_hpo.objective.script.owner import container_user, hand_over
from codegen_hpo.objective.script.record import MEMORY_BYTES
from codegen_hpo.objective.script.runner import Started
from codegen_hpo.objective.watch import Limit, Room, wait
from codegen_hpo.sandbox.attached import raw_socket
from codegen_hpo.sandbox.containers import NOBODY, RUNTIME_VARIABLE, hardened
from codegen_hpo.sandbox.devices import read_device
from codegen_hpo.sandbox.engine import connect, explained, patiently, require_limits, told
from codegen_hpo.sandbox.gpu import GpuAccess, RefusedError
from codegen_hpo.sandbox.image import find_or_build
from codegen_hpo.sandbox.removal import remove_quietly, sweep_orphans
from codegen_hpo.sandbox.upload import is_unseen

WORKSPACE = "/work"

_OPEN_FILES = 4096
_OWN_PROCESSES = 8  # PID 1, and the shells that check
# PID 1 does nothing but wait for the end of its input, which comes when this process ends, however it ends.
# It is another user's than the script, which could hold its input open otherwise.
_WATCHMAN, _WATCHMANS = ["/bin/sh", "-c", "read -r end"], "65532:65532"
_UNSEEN, _UNWRITABLE, _NO_PROGRAM = 3, 4, 5
_READY = (
    f'[ -e "$1" ] || exit {_UNSEEN}; [ -w . ] || exit {_UNWRITABLE}; '
    f'command -v "$2" >/dev/null 2>&1 || exit {_NO_PROGRAM}'
)
# what the kernel counts, in control groups of both versions; the script cannot write there
_OUT_OF_MEMORY = (
    "for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do "
    '[ -r "$file" ] && while read -r name count; do '
    '[ "$name" = oom_kill ] && [ "$count" != 0 ] && exit 9; done <"$file"; done; exit 0'
)
_SAID_OUT_OF_MEMORY = 9


class ContainerRunner:
    """Runs each script in a container of its own, without network; see `runner.Runner`.

    Args:
        image: one that the engine has; the sandbox's own, which has torch and numpy, if empty.
        memory_bytes: of the script, its files in /tmp and /dev/shm included.
        cpus: None: as many as the machine has.
        processes: and threads.
        device: "auto", "cpu", "cuda" or "cuda:1".

    Raises:
        ConfigError: the engine has no such image.
        SandboxError: the engine does not answer, cannot limit containers, or cannot build its own image.
    """

    def __init__(
        self,
        image: str = "",
        *,
        memory_bytes: int = MEMORY_BYTES,
        cpus: float | None = None,
        processes: int = 512,
        device: str = "cpu",
    ) -> None:
        self._memory_bytes, self._cpus, self._processes = memory_bytes, cpus, processes
        wanted = read_device(device)
        self._client = connect()
        require_limits(self._client)
        sweep_orphans(self._client)
        self._user = container_user(self._client)
        if image:
            self._image = _found(self._client, image)
        else:
            self._image = find_or_build(self._client, device=wanted.kind).name
        self._gpu = GpuAccess(wanted, own_runtime=bool(os.environ.get(RUNTIME_VARIABLE)))

    @property
    def notice(self) -> str:
        """Why scripts get no GPU, although one was asked for."""
        return self._gpu.notice

    def seen_as(self, folder: Path) -> str:
        """The same for all: each container sees its own workspace there."""
        return WORKSPACE

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        timeout_s: float | None,
        started: Started,
        *,
        folder: Path,
        disk_bytes: int | None,
    ) -> Ended:
        """How the words ended; see `Runner.run`. Beside `environment` there are the image's variables."""
        if self._user == NOBODY:
            hand_over(folder)
        room = None if disk_bytes is None else Room(folder, disk_bytes)
        with self._container(folder, disk_bytes) as container:
            variables = {"HOME": "/tmp"} | dict(environment)
            inside = Inside(self._client.api, container, self._user, WORKSPACE, variables)
            self._check(inside, folder, words[0])
            command = inside.start(words)
            try:
                started(lambda: _let_go(container, None))
                limit: Limit = wait(command.ended, timeout_s, room)
                if not limit and command.code and inside.check(_OUT_OF_MEMORY) == _SAID_OUT_OF_MEMORY:
                    limit = "memory"
            finally:
                if command.code is None:  # it still runs
                    remove_quietly(container)
                command.close()
        return Ended.of(None if limit else command.code, limit, command.output, command.complaints)

    @contextmanager
    def _container(self, folder: Path, disk_bytes: int | None) -> Iterator[Container]:
        """A running container, which is gone afterwards, or when this process is. Raises SandboxError."""
        options = self._options(folder, disk_bytes)
        held = patiently(lambda: self._gpu.start(lambda more: self._started({**options, **more}, folder)))
        try:
            yield held.container
        finally:
            _let_go(*held)

    def _started(self, options: Mapping[str, Any], folder: Path) -> "_Held":
        """A started container. Raises SandboxError, and RefusedError where a GPU may be the reason."""
        container: Container | None = None
        stream: Any = None
        try:
            container = self._client.containers.create(self._image, **options)
            stream = container.attach_socket(params={"stdin": 1, "stream": 1})
            raw_socket(stream)
            container.start()
        except BaseException as error:
            _let_go(container, stream)
            if isinstance(error, APIError) and not isinstance(error, ImageNotFound):
                raise _refusal(error, folder) from error
            if isinstance(error, DockerException | requests.RequestException | OSError):
                raise explained(error) from error
            raise
        return _Held(container, stream)

    def _options(self, folder: Path, disk_bytes: int | None) -> dict[str, Any]:
        """The keywords of `containers.create`."""
        options = hardened(
            memory_bytes=self._memory_bytes,
            processes=self._processes + _OWN_PROCESSES,
            cpus=self._cpus,
            open_files=_OPEN_FILES,
        )
        if disk_bytes is not None:  # between two looks at the disk, for one file at least
            options["ulimits"].append(Ulimit(name="fsize", soft=disk_bytes, hard=disk_bytes))
        if runtime := os.environ.get(RUNTIME_VARIABLE):
            options["runtime"] = runtime
        uid, _, gid = self._user.partition(":")
        return options | {
            "entrypoint": _WATCHMAN,
            "user": _WATCHMANS,
            "working_dir": WORKSPACE,
            # not `volumes`, which makes a missing folder on the host
            "mounts": [Mount(WORKSPACE, str(folder.resolve()), type="bind")],
            # compiled kernels are loaded from there; both count in the memory
            "tmpfs": {"/tmp": f"exec,size={self._memory_bytes // 2},uid={uid},gid={gid}"},
            "ipc_mode": "private",
            "shm_size": self._memory_bytes // 2,
        }

    def _check(self, inside: Inside, folder: Path, program: str) -> None:
        """Raises SandboxError unless the script has its files there, and OSError without its program."""
        # by a file of an unlikely name: an engine on another machine may have a folder of the same path
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".codegen-hpo-") as mark:
            code = inside.check(_READY, Path(mark.name).name, program)
        if code == 0:
            return
        if code == _NO_PROGRAM:
            raise FileNotFoundError(errno.ENOENT, f"the image {self._image} has no such program", program)
        if code == _UNSEEN:
            raise _unseen(folder)
        raise SandboxError(
            f"the container cannot write to the workspace {folder}"
            if code == _UNWRITABLE
            else f"the image {self._image} cannot run a shell script as user {self._user}",
            hint="see that the engine maps users one to one (no userns-remap), and the image has /bin/sh",
        )


class _Held(NamedTuple):
    """A container, and what keeps it alive: the connection to its input."""

    container: Container
    stream: Any


def _let_go(container: Container | None, stream: Any) -> None:
    remove_quietly(container)
    if stream is not None:
        stream.close()


def _found(client: docker.DockerClient, image: str) -> str:
    """The user's own image, which is never fetched. Raises ConfigError or SandboxError."""
    try:
        client.images.get(image)
    except ImageNotFound as error:
        raise ConfigError(
            f"the Docker engine has no image {image!r}", hint=f"docker pull {image}, or build it"
        ) from error
    except (DockerException, requests.RequestException) as error:
        raise explained(error) from error
    return image


def _refusal(error: APIError, folder: Path) -> SandboxError:
    text = told(error)
    if is_unseen(error, folder):
        return _unseen(folder)
    if _WATCHMAN[0] in text:
        return SandboxError(
            f"the image cannot be used: {text}", hint=f"it needs {_WATCHMAN[0]}, which small images may lack"
        )
    return RefusedError(text)


def _unseen(folder: Path) -> SandboxError:
    return SandboxError(
        f"the Docker engine does not see this machine's files: it has no {folder}",
        hint="use an engine on this machine, and a folder for runs that it may mount (--runs)",
    )
