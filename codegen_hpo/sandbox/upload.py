"""A bundle for an engine that does not see this machine's files: sent into a volume of its own."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import requests
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from docker.models.volumes import Volume
from docker.types import Mount

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.containers import FOLDER, own_labels
from codegen_hpo.sandbox.engine import told
from codegen_hpo.sandbox.removal import remove_quietly

NOTICE = "the Docker engine does not see this machine's files: each worker's bundle is sent to it"
_CHUNK = 1 << 20  # bytes
_BLOCK = 512  # of a tar

# how engines and desktop machines say that they do not have a folder: part of a message that also names it
_UNSEEN = (
    "bind source path does not exist",
    "no such file or directory",
    "mounts denied",
    "is not shared from",
    "error while creating mount source path",
    "the system cannot find the",
    "permission denied",  # a network drive that the engine's user may not read
)


def is_unseen(error: APIError, bundle: Path) -> bool:
    """Whether the engine refused a container because it does not have the folder of the bundle."""
    text = told(error).lower()
    return str(bundle.resolve()).lower() in text and any(wording in text for wording in _UNSEEN)


def upload(client: docker.DockerClient, image: str, bundle: Path) -> Volume:
    """A new volume that holds the files of `bundle`, readable for every user. Raises SandboxError."""
    volume: Volume | None = None
    carrier: Container | None = None
    try:
        volume = client.volumes.create(labels=own_labels())
        mount = Mount(FOLDER, volume.name, type="volume")
        # never started: the engine unpacks into the volumes of a container that is only created
        carrier = client.containers.create(image, network_mode="none", mounts=[mount], labels=own_labels())
        carrier.put_archive(FOLDER, tar_stream(bundle))
    except (DockerException, requests.RequestException, OSError) as error:
        remove_quietly(carrier)
        remove_quietly(volume)
        raise SandboxError(
            f"the bundle {bundle} cannot be sent to the Docker engine: {told(error)}",
            hint="look at the free space of the engine's machine; run `codegen-hpo doctor`",
        ) from error
    except BaseException:
        remove_quietly(carrier)
        remove_quietly(volume)
        raise
    remove_quietly(carrier)
    return volume


def mount_of(volume: Volume) -> Mount:
    """The volume in the place of the bundle, read-only."""
    return Mount(FOLDER, volume.name, type="volume", read_only=True)


def tar_stream(folder: Path) -> Iterator[bytes]:
    """A tar of the folder's files, a piece at a time: a bundle may be larger than the memory."""
    yield _member(".", tarfile.DIRTYPE, 0, 0o755)
    for file in sorted(file for file in folder.iterdir() if file.is_file()):
        with file.open("rb") as opened:
            size = file.stat().st_size
            yield _member(file.name, tarfile.REGTYPE, size, 0o444)
            left = size
            while left:
                data = opened.read(min(left, _CHUNK))
                if not data:
                    raise OSError(f"{file} became shorter while it was read")
                left -= len(data)
                yield data
        yield bytes(-size % _BLOCK)
    yield bytes(2 * _BLOCK)


def _member(name: str, kind: bytes, size: int, mode: int) -> bytes:
    member = tarfile.TarInfo(name)
    # the worker is nobody's user: the mode is what lets it read
    member.type, member.size, member.mode = kind, size, mode
    return member.tobuf()
