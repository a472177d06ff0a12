"""The removal of what the engine keeps of ours: a container, a volume, those whose owner died."""

import logging
import time

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.models.volumes import Volume

from codegen_hpo.sandbox.containers import LABEL, is_orphan
from codegen_hpo.sandbox.engine import explained, told

_BUSY = 409
_PATIENCE_S = 5.0
_log = logging.getLogger(__name__)


def sweep_orphans(client: docker.DockerClient) -> int:
    """Removes the containers and volumes of this machine's runs that are no more; how many there were."""
    try:
        containers = client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL})
        # after the containers, which hold their volumes
        gone = sum([remove_quietly(one) for one in containers if is_orphan(one.labels)])
        volumes = client.volumes.list(filters={"label": LABEL})
        return gone + sum([remove_quietly(one) for one in volumes if is_orphan(one.attrs.get("Labels"))])
    except (DockerException, requests.RequestException) as error:
        raise explained(error) from error


def remove_quietly(one: Container | Volume | None) -> bool:
    """Whether it is gone now. A failure is logged and not raised: it must not hide why it is removed."""
    until = time.monotonic() + _PATIENCE_S
    while one is not None:
        try:
            one.remove(force=True)
            break
        except NotFound:
            break
        except (DockerException, requests.RequestException, OSError) as error:
            busy = isinstance(error, APIError) and error.status_code == _BUSY
            if busy and isinstance(one, Container):  # it removes itself at this moment
                break
            if not busy or time.monotonic() > until:
                # an engine that is away is told by whoever needs it
                level = logging.WARNING if isinstance(error, APIError) else logging.INFO
                _log.log(level, "the Docker engine still has %s: %s", one, told(error))
                return False
            time.sleep(0.1)  # a volume: its container is still being removed
    return True
