"""Which sandbox a run gets."""

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.process import ProcessSandbox

NAMES = ("auto", "docker", "none")

_FIXES = (
    "install Docker (https://docs.docker.com/engine/install) and start it, or use the cookbook's own "
    "functions (--cookbook), or accept the risk with --unsafe-no-sandbox"
)


def choose_sandbox(
    name: str = "auto",
    *,
    trusted: bool,
    unsafe: bool = False,
    device: str = "cpu",
    limits: Limits | None = None,
) -> Sandbox:
    """The sandbox called `name`; for "auto" the first that works and is wall enough.

    Args:
        name: one of `NAMES`.
        trusted: whether all code comes with this package. Only then `none` is given without being asked.
        unsafe: the user accepts that code which a model wrote runs without a wall.
        device: "cuda" asks a container for a GPU.
        limits: what it may use.

    Raises:
        SandboxError: there is none, or it is refused; the hint says what to do.
    """
    limits = limits or Limits()
    if name not in NAMES:
        raise SandboxError(f"unknown sandbox {name!r}", hint=f"choose one of {', '.join(NAMES)}")
    if name == "none" or (name == "auto" and (trusted or unsafe)):
        if not (trusted or unsafe):
            raise SandboxError("code that a model wrote is not run without a sandbox", hint=_FIXES)
        return ProcessSandbox(limits)
    return _docker(name, device, limits)


def _docker(name: str, device: str, limits: Limits) -> Sandbox:
    # the client takes a tenth of a second to import: not before it is needed
    from codegen_hpo.sandbox.docker import DockerSandbox

    try:
        return DockerSandbox(limits, device=device)
    except SandboxError as error:
        if name == "docker":
            raise
        raise SandboxError(
            f"no sandbox for code that a model wrote; docker: {error}", hint=f"{error.hint}; or {_FIXES}"
        ) from error
