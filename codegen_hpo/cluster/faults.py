"""What can be wrong with a cluster: a task that is lost, which is tried again, or a fault of the whole."""

from collections.abc import Iterator
from contextlib import contextmanager

from codegen_hpo.errors import SandboxError


class LostError(Exception):
    """A task whose process or machine is gone."""


@contextmanager
def answering() -> Iterator[None]:
    """Raises LostError for a task that is lost, SandboxError for whatever else is wrong with the cluster."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    require_connection()
    try:
        yield
    except RayTaskError as error:
        raise SandboxError(
            f"a machine of the cluster failed: {' '.join(str(error.cause or error).split())[-500:]}",
            hint="install the same versions of codegen-hpo and Python on all machines",
        ) from error
    except _lost() as error:
        raise LostError(_said(error)) from error
    except Exception as error:
        # what Ray's client raises when it is disconnected is an Exception of no class (2.60)
        if ray.is_initialized() and not isinstance(error, RayError | ConnectionError):
            raise
        raise SandboxError(
            f"the Ray cluster does not answer: {' '.join(str(error).split())[:300]}",
            hint="the run can be resumed when it does",
        ) from error


def require_connection() -> None:
    """Raises SandboxError if it is gone: Ray's functions would then look for a cluster, or start one."""
    import ray

    if not ray.is_initialized():
        raise SandboxError(
            "the Ray cluster does not answer: the connection is closed",
            hint="the run can be resumed when it does",
        )


def _lost() -> tuple[type[Exception], ...]:
    """What Ray raises for a task whose process, machine or memory is gone."""
    from ray import exceptions

    return (
        exceptions.NodeDiedError,
        exceptions.LocalRayletDiedError,
        exceptions.WorkerCrashedError,
        exceptions.OutOfMemoryError,
        exceptions.ObjectLostError,
        exceptions.TaskCancelledError,
    )


def _said(error: Exception) -> str:
    from ray import exceptions

    if isinstance(error, exceptions.NodeDiedError | exceptions.LocalRayletDiedError):
        return "the node died"
    if isinstance(error, exceptions.OutOfMemoryError):
        return "the node ran out of memory, and Ray ended the process"
    if isinstance(error, exceptions.ObjectLostError):
        return "the result was lost with its node"
    return "the process died"
