"""Sandbox images that no present worker fits any more: found, and removed when the user agrees."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound

from codegen_hpo.sandbox.engine import explained, told
from codegen_hpo.sandbox.image import IMAGE_LABEL, REPOSITORY


class OldImage(NamedTuple):
    id: str
    names: tuple[str, ...]  # its tags in our repository; none for one that a newer build took the tag from
    own_bytes: int  # beside what it shares with other images


class Removal(NamedTuple):
    removed: list[OldImage]
    kept: list[tuple[OldImage, str]]  # and why


def find_old_images(
    client: docker.DockerClient, current: Iterable[str], repository: str = REPOSITORY
) -> list[OldImage]:
    """The images of `repository` without any of the `current` tags. Raises SandboxError."""
    keep = set(current)
    old = []
    try:
        for entry in client.df()["Images"] or []:
            names = [name for name in entry["RepoTags"] or [] if name.rpartition(":")[0] == repository]
            untagged = not entry["RepoTags"] or entry["RepoTags"] == ["<none>:<none>"]
            ours = names or (untagged and (entry["Labels"] or {}).get(IMAGE_LABEL) == repository)
            if ours and not keep & set(names):
                # the engine says -1 for what it has not counted
                own = max(0, entry["Size"] - max(0, entry.get("SharedSize", 0)))
                old.append(OldImage(entry["Id"], tuple(names), own))
    except (DockerException, requests.RequestException) as error:
        raise explained(error) from error
    return old


def remove_images(client: docker.DockerClient, images: Sequence[OldImage]) -> Removal:
    """What was removed. An image that a container uses is kept: its run goes on. Raises SandboxError."""
    removal = Removal([], [])
    for image in images:
        try:
            users = client.containers.list(all=True, ignore_removed=True, filters={"ancestor": image.id})
            if users:
                removal.kept.append((image, f"in use by the container {users[0].short_id}"))
                continue
            for name in image.names or (image.id,):
                client.images.remove(name)
        except ImageNotFound:  # another process was faster
            pass
        except APIError as error:
            removal.kept.append((image, told(error)))
            continue
        except (DockerException, requests.RequestException) as error:
            raise explained(error) from error
        removal.removed.append(image)
    return removal
